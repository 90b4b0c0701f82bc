use std::future::poll_fn;
use std::task::Poll;

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::Connection;
use super::send::{COPIED, Next};
use super::send_error::{Cut, SendError};
use crate::limits::MAX_FIELDS;
use crate::response::body::Frame;
use crate::response::encode;
use crate::response::framing::ResponseFraming;
use crate::timer::deadline;
use crate::trailers::{self, Trailers};
use crate::transport::Transport;

impl<S: Transport> Connection<S> {
    /// Sends frames as they come: as many in one write as are there, and none held back while waiting.
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
                Err(TryRecvError::Disconnected) => return Err(cut(started, Cut::StreamUnfinished)),
                Err(TryRecvError::Empty) => {
                    self.send(unsent, &[], Next::Other).await?;
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
                        return Err(cut(started, Cut::StreamLength));
                    }
                    if chunked {
                        encode::chunk_size(data.len(), &mut self.write_buffer);
                    }
                    if data.len() <= COPIED {
                        self.write_buffer.extend_from_slice(&data);
                    } else {
                        self.send(unsent, &data, Next::Other).await?;
                        self.write_buffer.truncate(self.sent_head.end);
                        (started, unsent) = (true, self.write_buffer.len());
                    }
                    if chunked {
                        self.write_buffer.extend_from_slice(b"\r\n");
                    }
                    if self.write_buffer.len() > BATCH {
                        self.send(unsent, &[], Next::Other).await?;
                        self.write_buffer.truncate(self.sent_head.end);
                        (started, unsent) = (true, self.write_buffer.len());
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
                    if trailers::size(&trailers) > self.limits.max_head
                        || trailers.len() > MAX_FIELDS
                    {
                        return Err(cut(started, Cut::TrailersTooLarge));
                    }
                    encode::last_chunk(&trailers, &mut self.write_buffer);
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
}

/// What a stream that fails comes to: while its head is still here, another response can be sent.
fn cut(started: bool, cut: Cut) -> SendError {
    if started {
        SendError::Cut(cut)
    } else {
        SendError::NotStarted(cut)
    }
}

/// How many bytes of small frames are gathered for one write.
const BATCH: usize = 64 << 10;
