use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::{Connection, State};
use crate::response::Framing;
use crate::response::encode::{self, Persistence};
use crate::timer::deadline;
use crate::transport::{read_at, size_of};
use crate::{
    Body, Frame, InvalidResponse, MAX_FIELDS, Reject, Response, Trailers, Transport, Version,
};

/// What was sent as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub status: u16,
    /// Bytes of content, its coding for the transfer not counted.
    pub body_bytes: u64,
}

/// Why a response was not sent, or not as a whole.
#[derive(Debug)]
pub enum SendError {
    /// It does not fit the request it answers, or the limits. Nothing was sent.
    Invalid(InvalidResponse),
    /// The file has fewer bytes than it should. Nothing was sent.
    Short,
    /// The stream that is the body failed before anything was sent.
    Unbegun(Cut),
    /// The file cannot be read. Nothing was sent.
    Unreadable(io::Error),
    /// The body did not come to its end after the head was sent, and the connection was cut.
    Cut(Cut),
    /// The connection failed.
    Io(io::Error),
    /// The client took nothing for too long.
    Timeout,
}

/// Why a response was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The file became shorter while it was sent.
    FileShrank,
    /// The stream closed without saying that this is its end.
    StreamUnfinished,
    /// The stream has more or fewer bytes than its length says.
    StreamLength,
    /// The stream had nothing to send for too long.
    StreamSilent,
    /// The stream ended in more trailers than a head may have of fields.
    TrailersTooLarge,
    /// The request's body failed while the stream's source was reading it.
    RequestBody(Reject),
    /// The client went away while the stream had nothing to send.
    ClientGone,
}

impl SendError {
    /// Whether nothing was sent, so that another response can be.
    pub fn nothing_sent(&self) -> bool {
        matches!(
            self,
            Self::Invalid(_) | Self::Short | Self::Unbegun(_) | Self::Unreadable(_)
        )
    }

    /// Whether the stream that is the body closed without saying that this is its end.
    pub fn is_unfinished(&self) -> bool {
        matches!(
            self,
            Self::Unbegun(Cut::StreamUnfinished) | Self::Cut(Cut::StreamUnfinished)
        )
    }
}

impl<S: Transport> Connection<S> {
    /// Sends the response to the current request. Where the error says that nothing was sent, another may be
    /// tried; after any other error nothing more can be done with the connection.
    pub async fn respond(&mut self, response: Response) -> Result<Sent, SendError> {
        let framing = response.framing(self.current.version, self.current.head_only);
        let framing = framing.map_err(SendError::Invalid)?;
        self.check_size(&response)?;
        if let Some(incoming) = &mut self.incoming {
            incoming.before_final(response.streams());
        }
        let persistent = self.state == State::Persistent
            && self.current.persistent
            && !self.finishing
            && framing != Framing::Close
            && self
                .incoming
                .as_ref()
                .is_none_or(|body| body.is_discardable());
        let persistence = match (persistent, self.current.version) {
            (false, _) => Persistence::Close,
            (true, Version::Http11) => Persistence::Silent,
            (true, Version::Http10) => Persistence::KeepAlive,
        };
        let has_body = !self.current.head_only && !response.is_bodiless();
        self.output.clear();
        // At once, and not by doubling: a buffer that is not small is given back whenever the connection is idle.
        self.output
            .reserve(HEAD + if has_body { copied(response.body()) } else { 0 });
        if let Some(incoming) = &self.incoming {
            self.output.extend_from_slice(incoming.unsent_interim());
        }
        let start = self.output.len();
        encode::head(&response, framing, persistence, &mut self.output);
        self.sent_head = start..self.output.len();

        let status = response.status();
        let body = if has_body {
            response.into_body()
        } else {
            Body::Empty
        };
        let outcome = self.send_body(body, framing).await;
        match &outcome {
            Err(error) if error.nothing_sent() => self.sent_head = 0..0,
            Err(_) => {
                self.state = State::Cut;
                if framing == Framing::Close {
                    self.stream.abort();
                }
            }
            Ok(_) => {
                if !persistent {
                    self.state = State::Closing;
                }
                if self.incoming.as_ref().is_some_and(|body| body.is_at_end()) {
                    self.incoming = None;
                }
            }
        }
        Ok(Sent {
            status,
            body_bytes: outcome?,
        })
    }

    /// Answers a request that cannot be accepted. No other may follow.
    pub async fn reject(&mut self, reject: &Reject) -> Result<Sent, SendError> {
        self.finishing = true;
        self.respond(Response::error(reject.status())).await
    }

    fn check_size(&self, response: &Response) -> Result<(), SendError> {
        let max = self.limits.max_head;
        if size(response.fields()) <= max {
            Ok(())
        } else {
            Err(SendError::Invalid(InvalidResponse::FieldsTooLarge { max }))
        }
    }

    /// Sends what is in `output`, and the body after it. How many bytes the body had.
    async fn send_body(&mut self, body: Body, framing: Framing) -> Result<u64, SendError> {
        match body {
            Body::Empty => self.send(0, &[], Next::Other).await.map(|()| 0),
            Body::Bytes(bytes) if bytes.len() <= COPIED => {
                self.output.extend_from_slice(&bytes);
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
                    return Err(SendError::Short);
                }
                self.send(0, &[], Next::File).await?;
                self.send_file(&file, offset, length).await.map(|()| length)
            }
            Body::Stream { frames, .. } => self.send_stream(frames, framing).await,
        }
    }

    fn read_file(
        &mut self,
        file: &std::fs::File,
        offset: u64,
        length: u64,
    ) -> Result<(), SendError> {
        let mut read = 0;
        while read < length {
            let rest = usize::try_from(length - read).unwrap_or(usize::MAX);
            let offset = offset.checked_add(read).ok_or(SendError::Short)?;
            match read_at(file, offset, rest, &mut self.output).map_err(SendError::Unreadable)? {
                0 => return Err(SendError::Short),
                more => read += more as u64,
            }
        }
        Ok(())
    }

    async fn send_file(
        &mut self,
        file: &std::fs::File,
        offset: u64,
        length: u64,
    ) -> Result<(), SendError> {
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

    /// Sends frames as they come: as many in one write as are there, and none held back while waiting.
    async fn send_stream(
        &mut self,
        mut frames: Receiver<Frame>,
        framing: Framing,
    ) -> Result<u64, SendError> {
        let chunked = framing == Framing::Chunked;
        let length = match framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        let (mut started, mut body_bytes, mut unsent) = (false, 0, 0);
        loop {
            let frame = match frames.try_recv() {
                Ok(frame) => frame,
                Err(TryRecvError::Disconnected) => return Err(cut(started, Cut::StreamUnfinished)),
                Err(TryRecvError::Empty) => {
                    self.send(unsent, &[], Next::Other).await?;
                    self.output.truncate(self.sent_head.end);
                    (started, unsent) = (true, self.output.len());
                    self.next_frame(&mut frames).await?
                }
            };
            match frame {
                Frame::Data(data) if data.is_empty() => {}
                Frame::Data(data) => {
                    body_bytes += data.len() as u64;
                    if length.is_some_and(|length| body_bytes > length) {
                        return Err(cut(started, Cut::StreamLength));
                    }
                    if chunked {
                        encode::chunk_size(data.len(), &mut self.output);
                    }
                    if data.len() <= COPIED {
                        self.output.extend_from_slice(&data);
                    } else {
                        self.send(unsent, &data, Next::Other).await?;
                        self.output.truncate(self.sent_head.end);
                        (started, unsent) = (true, self.output.len());
                    }
                    if chunked {
                        self.output.extend_from_slice(b"\r\n");
                    }
                    if self.output.len() > BATCH {
                        self.send(unsent, &[], Next::Other).await?;
                        self.output.truncate(self.sent_head.end);
                        (started, unsent) = (true, self.output.len());
                    }
                }
                Frame::Trailers(_) | Frame::End
                    if length.is_some_and(|length| body_bytes < length) =>
                {
                    return Err(cut(started, Cut::StreamLength));
                }
                Frame::Trailers(_) | Frame::End if !chunked => {
                    self.send(unsent, &[], Next::Other).await?;
                    return Ok(body_bytes);
                }
                frame => {
                    let trailers = match frame {
                        Frame::Trailers(trailers) if self.current.accepts_trailers => trailers,
                        _ => Trailers::new(),
                    };
                    if size(&trailers) > self.limits.max_head || trailers.len() > MAX_FIELDS {
                        return Err(cut(started, Cut::TrailersTooLarge));
                    }
                    encode::last_chunk(&trailers, &mut self.output);
                    self.send(unsent, &[], Next::Other).await?;
                    return Ok(body_bytes);
                }
            }
        }
    }

    /// Waits for a frame. Its source may be reading the request's body meanwhile.
    async fn next_frame(&mut self, frames: &mut Receiver<Frame>) -> Result<Frame, SendError> {
        let mut timer = std::mem::take(&mut self.stream_timer);
        let until = deadline(self.limits.stream_timeout);
        let frame = poll_fn(|cx| match frames.poll_recv(cx) {
            Poll::Ready(frame) => Poll::Ready(frame.ok_or(Cut::StreamUnfinished)),
            Poll::Pending => timer.poll(until, cx).map(|()| Err(Cut::StreamSilent)),
        });
        let frame = self.drive(frame).await;
        self.stream_timer = timer;
        let frame = frame.map_err(|_| SendError::Cut(Cut::ClientGone))?;
        match self.body_failure() {
            Some(reject) => Err(SendError::Cut(Cut::RequestBody(reject))),
            None => frame.map_err(SendError::Cut),
        }
    }

    /// Sends `output` from `start` on, and `tail`, in as few writes as the client allows for.
    async fn send(&mut self, start: usize, tail: &[u8], next: Next) -> Result<(), SendError> {
        if let Some(incoming) = &mut self.incoming {
            incoming.withhold_interim();
        }
        let mut parts = [
            IoSlice::new(self.output.get(start..).unwrap_or_default()),
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
enum Next {
    Other,
    /// A part of a file, at once.
    File,
}

/// Bytes of the fields as they are sent.
fn size(fields: &[(String, Vec<u8>)]) -> usize {
    let lines = fields
        .iter()
        .map(|(name, value)| name.len() + value.len() + 4);
    lines.sum()
}

/// What a stream that fails comes to: while its head is still here, another response can be sent.
fn cut(started: bool, cut: Cut) -> SendError {
    if started {
        SendError::Cut(cut)
    } else {
        SendError::Unbegun(cut)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => write!(f, "invalid response: {invalid}"),
            Self::Short => f.write_str("the file is shorter than its body"),
            Self::Unbegun(cut) => write!(f, "its body failed: {cut}"),
            Self::Unreadable(error) => write!(f, "the file cannot be read: {error}"),
            Self::Cut(cut) => write!(f, "the response was cut: {cut}"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Timeout => f.write_str("the client took nothing for too long"),
        }
    }
}

impl std::error::Error for SendError {}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileShrank => "the file became shorter while it was sent",
            Self::StreamUnfinished => "the stream closed without an end",
            Self::StreamLength => "the stream has other than its length of bytes",
            Self::StreamSilent => {
                "the handler sent nothing for longer than it may (--stream-timeout)"
            }
            Self::TrailersTooLarge => "the stream has more trailers than a head may have fields",
            Self::RequestBody(reject) => return write!(f, "the request's body failed: {reject}"),
            Self::ClientGone => "the client went away",
        })
    }
}

/// How many bytes of a body are put behind the head, to be sent in one write with it.
fn copied(body: &Body) -> usize {
    match body {
        Body::Bytes(bytes) if bytes.len() <= COPIED => bytes.len(),
        Body::File { length, .. } if *length <= READ_FILE => {
            usize::try_from(*length).unwrap_or_default()
        }
        _ => 0,
    }
}

/// Bytes that hold most heads.
const HEAD: usize = 512;
/// Up to this many bytes are copied next to what is sent before them; above, the copy costs more than a vector.
const COPIED: usize = 8 << 10;
/// Up to this many bytes of a file are read and sent with the head, in one write.
const READ_FILE: u64 = 64 << 10;
/// How many bytes of small frames are gathered for one write.
const BATCH: usize = 64 << 10;
