//! Closing a connection without losing its last response.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use super::read_buffer::{Peer, READ_AHEAD};
use super::{Connection, ConnectionState};
use crate::timer::deadline;
use crate::transport::Transport;

impl<S: Transport> Connection<S> {
    /// Closes the connection in an orderly way.
    ///
    /// If the client may still be sending, its bytes are read and discarded until it closes its side. Closing at once
    /// would reset the connection, and the client could lose the last response (RFC 9112, section 9.6). A client that
    /// first sends a large request and then reads the response needs this, as does a proxy. It ends after
    /// `Limits::linger_timeout`, or when the client is silent or has sent a lot.
    pub async fn close(mut self) {
        if self.state == ConnectionState::Cut {
            return;
        }
        let unread = !self.read_buffer.bytes.is_empty()
            || self.feeder.take().is_some_and(|body| !body.is_at_end());
        let until = deadline(SILENCE);
        poll_fn(|cx| {
            if self.timer.poll(until, cx).is_ready() {
                return Poll::Ready(());
            }
            Pin::new(&mut self.stream).poll_shutdown(cx).map(|_| ())
        })
        .await;
        if unread {
            self.linger().await;
        }
    }

    async fn linger(&mut self) {
        let until = deadline(self.limits.linger_timeout);
        let mut silent_until = deadline(SILENCE);
        let mut rest = LINGER_BYTES;
        poll_fn(|cx| {
            while rest > 0 {
                self.read_buffer.bytes.clear();
                match self.read_buffer.poll_fill(&mut self.stream, READ_AHEAD, cx) {
                    Poll::Ready(Peer::Open) => {
                        rest = rest.saturating_sub(self.read_buffer.bytes.len() as u64);
                        silent_until = deadline(SILENCE);
                        // A client that never stops sending must not keep the connection either.
                        if silent_until > until && self.timer.poll(until, cx).is_ready() {
                            break;
                        }
                    }
                    Poll::Ready(Peer::HalfClosed | Peer::Gone) => break,
                    Poll::Pending => {
                        ready!(self.timer.poll(silent_until.min(until), cx));
                        break;
                    }
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

/// How long a client that is still sending may be silent.
const SILENCE: Duration = Duration::from_secs(5);
/// How many bytes are discarded for an orderly close.
const LINGER_BYTES: u64 = 1 << 30;
