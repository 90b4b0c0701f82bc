//! Writing bytes to the client within the send timeout.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::Poll;

use super::Connection;
use super::send_error::SendError;
use crate::timer::deadline;
use crate::transport::Transport;

impl<S: Transport> Connection<S> {
    /// Writes the write buffer from `start` on, and then `tail`, in as few system calls as possible.
    ///
    /// # Errors
    ///
    /// If the connection fails, or the client accepts nothing within `Limits::send_timeout`.
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

/// What follows the bytes of a write.
#[derive(Clone, Copy)]
pub(super) enum Next {
    Other,
    /// A part of a file, immediately.
    File,
}

/// Up to this many bytes are copied into the write buffer. Copying more costs more than a vectored write.
pub(super) const COPIED: usize = 8 << 10;
