//! A response with a suffix: bytes that a server adds to the end of a handler's content.

use std::fs::File;
use std::io;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::{Receiver, channel};

use super::Response;
use super::body::{Body, Frame};
use crate::transport::read_at;

impl Response {
    /// The response with `suffix` at the end of its content. The length that the handler declared grows with it. A response
    /// without content stays as it is: only the length that a response to HEAD declares grows.
    ///
    /// The content of a file is read into memory.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn with_suffix(mut self, suffix: Bytes) -> io::Result<Self> {
        let added = suffix.len() as u64;
        self.body = match self.body {
            Body::Empty => Body::Empty,
            Body::Bytes(bytes) => Body::Bytes(joined(&bytes, &suffix)),
            Body::File {
                file,
                offset,
                length,
            } => Body::Bytes(joined(&content(&file, offset, length)?, &suffix)),
            Body::Stream { frames, length } => Body::Stream {
                frames: followed_by(frames, suffix),
                length: length.map(|length| length.saturating_add(added)),
            },
        };
        self.declared = self.declared.map(|declared| declared.saturating_add(added));
        Ok(self)
    }

    /// The response without the fields of these names. Case is ignored.
    pub fn without_fields(mut self, names: &[&str]) -> Self {
        self.fields
            .retain(|(name, _)| !names.iter().any(|other| other.eq_ignore_ascii_case(name)));
        self
    }
}

fn joined(bytes: &[u8], suffix: &[u8]) -> Bytes {
    let mut joined = BytesMut::with_capacity(bytes.len() + suffix.len());
    joined.extend_from_slice(bytes);
    joined.extend_from_slice(suffix);
    joined.freeze()
}

fn content(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    while (content.len() as u64) < length {
        let read = content.len() as u64;
        let rest = usize::try_from(length - read).unwrap_or(usize::MAX);
        let at = offset
            .checked_add(read)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        if read_at(file, at, rest.min(PIECE), &mut content)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(content)
}

/// The frames, with the suffix before the one that ends them. If they end without such a frame, so does the result.
fn followed_by(mut frames: Receiver<Frame>, suffix: Bytes) -> Receiver<Frame> {
    let (sender, followed) = channel(1);
    tokio::spawn(async move {
        loop {
            let frame = tokio::select! {
                frame = frames.recv() => frame,
                // The handler learns at once that the client is gone.
                () = sender.closed() => None,
            };
            let Some(frame) = frame else {
                break;
            };
            if !matches!(frame, Frame::Data(_))
                && sender.send(Frame::Data(suffix.clone())).await.is_err()
            {
                break;
            }
            if sender.send(frame).await.is_err() {
                break;
            }
        }
    });
    followed
}

/// Bytes of a file that are read at once.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn response(declared: Option<u64>, body: Body) -> Response {
        let field = declared.map(|length| ("Content-Length".into(), length.to_string().into()));
        let response = Response::new(200, field.into_iter().collect(), body);
        response
            .expect("it can be sent")
            .with_suffix("+".into())
            .unwrap()
    }

    #[tokio::test]
    async fn adds_to_every_kind_of_body_and_to_its_length() {
        let manifest = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        let file = Body::File {
            file: Arc::new(manifest),
            offset: 1,
            length: 7,
        };
        for (declared, body, expected) in [
            (Some(3), Body::Bytes("abc".into()), "abc+"),
            (None, Body::Bytes("abc".into()), "abc+"),
            (Some(7), file, "package+"),
        ] {
            let response = response(declared, body);
            assert_eq!(response.declared, declared.map(|length| length + 1));
            assert!(matches!(response.into_body(), Body::Bytes(text) if text == expected));
        }
        let of_head = response(Some(7), Body::Empty);
        assert_eq!(
            (of_head.declared, of_head.body().length()),
            (Some(8), Some(0))
        );
    }

    #[tokio::test]
    async fn adds_to_a_stream_before_its_end() {
        for (frames, expected) in [
            (vec![Frame::Data("a".into()), Frame::End], "a+."),
            (vec![Frame::Trailers(Vec::new())], "+."),
            (vec![Frame::Data("a".into())], "a"),
        ] {
            let (sender, receiver) = channel(4);
            for frame in frames {
                sender.send(frame).await.unwrap();
            }
            drop(sender);
            let body = Body::Stream {
                frames: receiver,
                length: Some(1),
            };
            let Body::Stream { mut frames, length } = response(None, body).into_body() else {
                panic!("it is a stream");
            };
            assert_eq!(length, Some(2));
            let mut text = String::new();
            while let Some(frame) = frames.recv().await {
                match frame {
                    Frame::Data(data) => text += str::from_utf8(&data).unwrap(),
                    Frame::Trailers(_) | Frame::End => text += ".",
                }
            }
            assert_eq!(text, expected);
        }
    }
}
