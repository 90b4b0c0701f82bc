//! Running a handler while the connection feeds it the request's body.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::body_feeder::ClientStream;
use super::read_buffer::{Peer, READ_AHEAD};
use super::{Connection, ConnectionState};
use crate::timer::deadline;
use crate::transport::Transport;

/// The client closed the connection before it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientGone;

impl<S: Transport> Connection<S> {
    /// Runs `answer` to completion. Meanwhile it feeds the request's body to its reader, buffers what the client sends
    /// ahead, and watches for the client to close the connection.
    ///
    /// A client that closes only its own side may still read, so the handler gets another second.
    ///
    /// # Errors
    ///
    /// If the client closed the connection. `answer` is then dropped before it completes.
    pub async fn drive<F: Future + Unpin>(
        &mut self,
        mut answer: F,
    ) -> Result<F::Output, ClientGone> {
        let mut grace = None;
        poll_fn(|cx| {
            loop {
                if let Some(feeder) = &self.feeder {
                    feeder.is_awake();
                }
                if let Poll::Ready(output) = Pin::new(&mut answer).poll(cx) {
                    return Poll::Ready(Ok(output));
                }
                if self.poll_feed(cx).is_pending() {
                    break;
                }
            }
            let peer = loop {
                match self.read_buffer.peer {
                    Peer::Open if self.read_buffer.bytes.len() >= READ_AHEAD => {
                        return Poll::Pending;
                    }
                    Peer::Open => {}
                    peer => break peer,
                }
                if self
                    .read_buffer
                    .poll_fill(&mut self.stream, READ_AHEAD, cx)
                    .is_pending()
                {
                    return Poll::Pending;
                }
            };
            let gone = match peer {
                Peer::Gone => Poll::Ready(()),
                _ => self
                    .timer
                    .poll(*grace.get_or_insert_with(|| deadline(GRACE)), cx),
            };
            gone.map(|()| {
                self.state = ConnectionState::Cut;
                Err(ClientGone)
            })
        })
        .await
    }

    fn poll_feed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(feeder) = &mut self.feeder else {
            return Poll::Pending;
        };
        let source = ClientStream {
            stream: &mut self.stream,
            input: &mut self.read_buffer,
            timer: &mut self.timer,
        };
        feeder.poll_feed(source, &self.limits, cx)
    }
}

impl fmt::Display for ClientGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client closed the connection before the response")
    }
}

impl std::error::Error for ClientGone {}

/// How long a client that closed its own side is assumed to read.
const GRACE: Duration = Duration::from_secs(1);
