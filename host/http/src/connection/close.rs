//! Closing a connection without losing its last response.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::read_buffer::{Peer, READ_AHEAD};
use super::{Connection, ConnectionState};
use crate::timer::deadline;
use crate::transport::Transport;

impl<S: Transport> Connection<S> {
    /// Closes the connection in an orderly way.
    ///
    /// If the client may still be sending, its bytes are read and discarded for a while. Closing at once would reset
    /// the connection, and the client could lose the last response (RFC 9112, section 9.6).
    pub async fn close(mut self) {
        if self.state == ConnectionState::Cut {
            return;
        }
        let unread = !self.read_buffer.bytes.is_empty()
            || self.feeder.take().is_some_and(|body| !body.is_at_end());
        let until = deadline(LINGER);
        let mut rest = LINGER_BYTES;
        poll_fn(|cx| {
            if self.timer.poll(until, cx).is_ready() {
                return Poll::Ready(());
            }
            Pin::new(&mut self.stream).poll_shutdown(cx).map(|_| ())
        })
        .await;
        poll_fn(|cx| {
            while unread && rest > 0 && self.timer.poll(until, cx).is_pending() {
                self.read_buffer.bytes.clear();
                match self.read_buffer.poll_fill(&mut self.stream, READ_AHEAD, cx) {
                    Poll::Ready(Peer::Open) => {
                        rest = rest.saturating_sub(self.read_buffer.bytes.len())
                    }
                    Poll::Ready(Peer::HalfClosed | Peer::Gone) => break,
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

/// How long a connection is read only for an orderly close.
const LINGER: Duration = Duration::from_secs(3);
/// How many bytes are read only for an orderly close.
const LINGER_BYTES: usize = 16 << 20;
