use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::Connection;
use super::send_error::{Cut, SendError};
use crate::response::body::Body;
use crate::response::framing::ResponseFraming;
use crate::timer::deadline;
use crate::transport::{Transport, read_at, size_of};

impl<S: Transport> Connection<S> {
    /// Sends what is in `output`, and the body after it. How many bytes the body had.
    pub(super) async fn send_body(
        &mut self,
        body: Body,
        framing: ResponseFraming,
    ) -> Result<u64, SendError> {
        match body {
            Body::Empty => self.send(0, &[], Next::Other).await.map(|()| 0),
            Body::Bytes(bytes) if bytes.len() <= COPIED => {
                self.write_buffer.extend_from_slice(&bytes);
                self.send(0, &[], Next::Other)
                    .await
                    .map(|()| bytes.len() as u64)
            }
            Body::Bytes(bytes) => self
                .send(0, &bytes, Next::Other)
                .await
                .map(|()| bytes.len() as u64),
            Body::File {
                file,
                offset,
                length,
                // A read of no bytes would not tell that the offset is past the end.
            } if length <= READ_FILE && (length > 0 || offset == 0) => {
                self.read_file(&file, offset, length)?;
                self.send(0, &[], Next::Other).await.map(|()| length)
            }
            Body::File {
                file,
                offset,
                length,
            } => {
                let size = size_of(&file).map_err(SendError::Unreadable)?;
                if offset.checked_add(length).is_none_or(|end| end > size) {
                    return Err(SendError::FileTooShort);
                }
                self.send(0, &[], Next::File).await?;
                self.send_file(&file, offset, length).await.map(|()| length)
            }
            Body::Stream { frames, .. } => self.send_stream(frames, framing).await,
        }
    }

    fn read_file(&mut self, file: &File, offset: u64, length: u64) -> Result<(), SendError> {
        let mut read = 0;
        while read < length {
            let rest = usize::try_from(length - read).unwrap_or(usize::MAX);
            let offset = offset.checked_add(read).ok_or(SendError::FileTooShort)?;
            match read_at(file, offset, rest, &mut self.write_buffer)
                .map_err(SendError::Unreadable)?
            {
                0 => return Err(SendError::FileTooShort),
                more => read += more as u64,
            }
        }
        Ok(())
    }

    async fn send_file(&mut self, file: &File, offset: u64, length: u64) -> Result<(), SendError> {
        let mut sent = 0;
        while sent < length {
            let mut sending = pin!(self.stream.send_file(file, offset + sent, length - sent));
            let (timer, timeout) = (&mut self.timer, self.limits.send_timeout);
            let mut until = None;
            let progress = poll_fn(|cx| match sending.as_mut().poll(cx) {
                Poll::Ready(progress) => Poll::Ready(progress.map_err(SendError::Io)),
                Poll::Pending => {
                    let until = *until.get_or_insert_with(|| deadline(timeout));
                    timer.poll(until, cx).map(|()| Err(SendError::Timeout))
                }
            });
            match progress.await? {
                0 => return Err(SendError::Cut(Cut::FileShrank)),
                more => sent += more,
            }
        }
        Ok(())
    }

    /// Sends `output` from `start` on, and `tail`, in as few writes as the client allows for.
    pub(super) async fn send(
        &mut self,
        start: usize,
        tail: &[u8],
        next: Next,
    ) -> Result<(), SendError> {
        if let Some(incoming) = &mut self.feeder {
            incoming.withhold_interim();
        }
        let mut parts = [
            IoSlice::new(self.write_buffer.get(start..).unwrap_or_default()),
            IoSlice::new(tail),
        ];
        let mut parts = &mut parts[..];
        // Takes off empty parts.
        IoSlice::advance_slices(&mut parts, 0);
        let mut until = None;
        poll_fn(|cx| {
            while let [first, rest @ ..] = &*parts {
                let stream = Pin::new(&mut self.stream);
                let written = match next {
                    Next::File => stream.poll_write_ahead(cx, first),
                    _ if rest.iter().all(|part| part.is_empty()) => stream.poll_write(cx, first),
                    _ => stream.poll_write_vectored(cx, parts),
                };
                match written {
                    Poll::Ready(Ok(0)) => {
                        return Poll::Ready(Err(SendError::Io(io::ErrorKind::WriteZero.into())));
                    }
                    Poll::Ready(Ok(sent)) => {
                        IoSlice::advance_slices(&mut parts, sent);
                        until = None;
                    }
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(SendError::Io(error))),
                    Poll::Pending => {
                        let until =
                            *until.get_or_insert_with(|| deadline(self.limits.send_timeout));
                        return self.timer.poll(until, cx).map(|()| Err(SendError::Timeout));
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}

/// What is sent after some bytes.
#[derive(Clone, Copy)]
pub(super) enum Next {
    Other,
    /// A part of a file, at once.
    File,
}

/// How many bytes of a body are put behind the head, to be sent in one write with it.
pub(super) fn copied(body: &Body) -> usize {
    match body {
        Body::Bytes(bytes) if bytes.len() <= COPIED => bytes.len(),
        Body::File { length, .. } if *length <= READ_FILE => {
            usize::try_from(*length).unwrap_or_default()
        }
        _ => 0,
    }
}

/// Up to this many bytes are copied next to what is sent before them; above, the copy costs more than a vector.
pub(super) const COPIED: usize = 8 << 10;
/// Up to this many bytes of a file are read and sent with the head, in one write.
const READ_FILE: u64 = 64 << 10;
