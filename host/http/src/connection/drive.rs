use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::body_feeder::Source;
use super::read_buffer::{Peer, READ_AHEAD};
use super::{Connection, State};
use crate::timer::deadline;
use crate::transport::Transport;

/// The client went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    Closed,
}

impl<S: Transport> Connection<S> {
    /// Runs `answer` to its end. Meanwhile it feeds the request's body to its reader, and watches whether the
    /// client goes away; what the client sends ahead is kept, up to a bound.
    ///
    /// A client that closes only its own side may still be reading: it is given a second of grace.
    pub async fn drive<F: Future + Unpin>(&mut self, mut answer: F) -> Result<F::Output, Gone> {
        let mut grace = None;
        poll_fn(|cx| {
            loop {
                if let Some(incoming) = &self.incoming {
                    incoming.is_awake();
                }
                if let Poll::Ready(output) = Pin::new(&mut answer).poll(cx) {
                    return Poll::Ready(Ok(output));
                }
                if self.poll_feed(cx).is_pending() {
                    break;
                }
            }
            let peer = loop {
                match self.input.peer {
                    Peer::Open if self.input.bytes.len() >= READ_AHEAD => return Poll::Pending,
                    Peer::Open => {}
                    peer => break peer,
                }
                if self
                    .input
                    .poll_fill(&mut self.stream, READ_AHEAD, cx)
                    .is_pending()
                {
                    return Poll::Pending;
                }
            };
            let over = match peer {
                Peer::Gone => Poll::Ready(()),
                _ => self
                    .timer
                    .poll(*grace.get_or_insert_with(|| deadline(GRACE)), cx),
            };
            over.map(|()| {
                self.state = State::Cut;
                Err(Gone::Closed)
            })
        })
        .await
    }

    fn poll_feed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Pending;
        };
        let source = Source {
            stream: &mut self.stream,
            input: &mut self.input,
            timer: &mut self.timer,
        };
        incoming.poll_feed(source, self.limits.body_timeout, cx)
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client went away")
    }
}

impl std::error::Error for Gone {}

/// How long a client that closed its own side is taken to be reading still.
const GRACE: Duration = Duration::from_secs(1);
