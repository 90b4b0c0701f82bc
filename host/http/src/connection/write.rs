//! Writing bytes to the client, as long as it takes them.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Poll, ready};

use super::Connection;
use super::send_error::SendError;
use crate::transport::Transport;

impl<S: Transport> Connection<S> {
    /// Writes the write buffer from `start` on, and then `tail`, in as few system calls as possible.
    ///
    /// # Errors
    ///
    /// If the connection fails, or the client takes less than `Limits::min_data_rate` for `Limits::send_timeout`.
    pub(super) async fn write(
        &mut self,
        start: usize,
        tail: &[u8],
        next: Next,
    ) -> Result<(), SendError> {
        if let Some(feeder) = &mut self.feeder {
            feeder.withhold_interim();
        }
        let mut parts = [
            IoSlice::new(self.write_buffer.get(start..).unwrap_or_default()),
            IoSlice::new(tail),
        ];
        let mut parts = &mut parts[..];
        // Removes empty parts.
        IoSlice::advance_slices(&mut parts, 0);
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
                        self.send_pace.sent(sent as u64);
                    }
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(SendError::Io(error))),
                    Poll::Pending => {
                        ready!(self.timer.poll(self.send_pace.deadline(&self.limits), cx));
                        if self.send_pace.is_too_slow(&self.stream, &self.limits) {
                            return Poll::Ready(Err(SendError::TooSlow));
                        }
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}

/// What follows the bytes of a write.
#[derive(Clone, Copy)]
pub(super) enum Next {
    Other,
    /// A part of a file, immediately.
    File,
}

/// Up to this many bytes are copied into the write buffer. Copying more costs more than a vectored write.
pub(super) const COPIED: usize = 8 << 10;
