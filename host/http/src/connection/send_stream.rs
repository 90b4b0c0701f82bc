//! Sending a streamed body.

use std::future::poll_fn;
use std::task::Poll;

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::Connection;
use super::send_error::{Cut, SendError};
use super::write::{COPIED, Next};
use crate::limits::MAX_FIELDS;
use crate::response::body::Frame;
use crate::response::encode;
use crate::response::framing::ResponseFraming;
use crate::timer::deadline;
use crate::trailers::{self, Trailers};
use crate::transport::Transport;

impl<S: Transport> Connection<S> {
    /// Sends frames as they arrive. All frames that are ready go out in one write, and none is held back while waiting.
    /// Returns the length of the body.
    pub(super) async fn send_stream(
        &mut self,
        mut frames: Receiver<Frame>,
        framing: ResponseFraming,
    ) -> Result<u64, SendError> {
        let chunked = framing == ResponseFraming::Chunked;
        let length = match framing {
            ResponseFraming::Length(length) => Some(length),
            _ => None,
        };
        let (mut started, mut body_bytes, mut unsent) = (false, 0, 0);
        loop {
            let frame = match frames.try_recv() {
                Ok(frame) => frame,
                Err(TryRecvError::Disconnected) => {
                    return Err(failed(started, Cut::StreamUnfinished));
                }
                Err(TryRecvError::Empty) => {
                    self.write(unsent, &[], Next::Other).await?;
                    self.write_buffer.truncate(self.sent_head.end);
                    (started, unsent) = (true, self.write_buffer.len());
                    self.next_frame(&mut frames).await?
                }
            };
            match frame {
                Frame::Data(data) if data.is_empty() => {}
                Frame::Data(data) => {
                    body_bytes += data.len() as u64;
                    if length.is_some_and(|length| body_bytes > length) {
                        return Err(failed(started, Cut::StreamLength));
                    }
                    if chunked {
                        encode::chunk_size(data.len(), &mut self.write_buffer);
                    }
                    if data.len() <= COPIED {
                        self.write_buffer.extend_from_slice(&data);
                    } else {
                        self.write(unsent, &data, Next::Other).await?;
                        self.write_buffer.truncate(self.sent_head.end);
                        (started, unsent) = (true, self.write_buffer.len());
                    }
                    if chunked {
                        self.write_buffer.extend_from_slice(b"\r\n");
                    }
                    if self.write_buffer.len() > BATCH {
                        self.write(unsent, &[], Next::Other).await?;
                        self.write_buffer.truncate(self.sent_head.end);
                        (started, unsent) = (true, self.write_buffer.len());
                    }
                }
                Frame::Trailers(_) | Frame::End
                    if length.is_some_and(|length| body_bytes < length) =>
                {
                    return Err(failed(started, Cut::StreamLength));
                }
                Frame::Trailers(_) | Frame::End if !chunked => {
                    self.write(unsent, &[], Next::Other).await?;
                    return Ok(body_bytes);
                }
                frame => {
                    let trailers = match frame {
                        Frame::Trailers(trailers) if self.current.accepts_trailers => trailers,
                        _ => Trailers::new(),
                    };
                    if trailers::size(&trailers) > self.limits.max_head
                        || trailers.len() > MAX_FIELDS
                    {
                        return Err(failed(started, Cut::TrailersTooLarge));
                    }
                    encode::last_chunk(&trailers, &mut self.write_buffer);
                    self.write(unsent, &[], Next::Other).await?;
                    return Ok(body_bytes);
                }
            }
        }
    }

    /// Waits for a frame. The handler may read the request's body meanwhile.
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
}

/// The error of a stream that fails. If its head was not sent yet, another response can be sent.
fn failed(started: bool, cut: Cut) -> SendError {
    if started {
        SendError::Cut(cut)
    } else {
        SendError::NotStarted(cut)
    }
}

/// Small frames are gathered up to this many bytes for one write.
const BATCH: usize = 64 << 10;
