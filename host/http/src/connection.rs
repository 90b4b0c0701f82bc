pub(crate) mod body_feeder;
pub(crate) mod read_buffer;
pub(crate) mod respond;

use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use self::body_feeder::{Incoming, Source};
use self::read_buffer::{Input, KEPT, Peer, READ_AHEAD};
use super::request::framing::BodyLength;
use super::request::head_scanner::HeadScan;
use super::timer::{Timer, deadline};
use super::{Head, Limits, Reject, Request, Transport, Version};

/// One connection of a client: requests come out of it, one after the other, and responses go into it.
///
/// See the [module](super) for the order in which it is used. Sending is in the file `respond.rs`.
#[derive(Debug)]
pub struct Connection<S> {
    pub(crate) stream: S,
    pub(crate) limits: Arc<Limits>,
    pub(crate) input: Input,
    /// What is sent, and where the final head is in it.
    pub(crate) output: Vec<u8>,
    pub(crate) sent_head: Range<usize>,
    pub(crate) timer: Timer,
    /// Beside `timer`, for the source of a stream.
    pub(crate) stream_timer: Timer,
    pub(crate) incoming: Option<Incoming>,
    pub(crate) current: Current,
    pub(crate) state: State,
    /// No more requests are taken after the current one.
    pub(crate) finishing: bool,
}

/// What the response has to know of the request that it answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Current {
    pub(crate) version: Version,
    pub(crate) head_only: bool,
    pub(crate) persistent: bool,
    pub(crate) accepts_trailers: bool,
}

/// What may still happen on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Persistent,
    /// The last response is, or was, sent.
    Closing,
    /// It failed, or a response could not be brought to its end: nothing may be sent any more, not even an
    /// orderly end.
    Cut,
}

/// The client went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    Closed,
}

impl<S: Transport> Connection<S> {
    pub fn new(stream: S, limits: Arc<Limits>) -> Self {
        Self {
            stream,
            limits,
            input: Input::default(),
            output: Vec::new(),
            sent_head: 0..0,
            timer: Timer::default(),
            stream_timer: Timer::default(),
            incoming: None,
            current: Current {
                version: Version::Http11,
                head_only: false,
                persistent: false,
                accepts_trailers: false,
            },
            state: State::Persistent,
            finishing: false,
        }
    }

    /// Waits until the client has sent at least a byte of a next request; what it sent ahead counts. False if
    /// there is none to come: the client closed or failed, stayed idle for too long, or the connection is not
    /// persistent. Cancel-safe.
    pub async fn idle(&mut self) -> bool {
        if !self.discard().await {
            return false;
        }
        let timeout = self.limits.idle_timeout;
        let mut until = None;
        poll_fn(|cx| {
            while !self.input.has_request() {
                match self.input.poll_fill(&mut self.stream, READ_AHEAD, cx) {
                    Poll::Ready(Peer::Open) => {}
                    Poll::Ready(Peer::HalfClosed | Peer::Gone) => return Poll::Ready(false),
                    Poll::Pending => {
                        self.input.release();
                        if self.output.capacity() > KEPT {
                            self.output = Vec::new();
                        }
                        let until = *until.get_or_insert_with(|| deadline(timeout));
                        return self.timer.poll(until, cx).map(|()| false);
                    }
                }
            }
            Poll::Ready(true)
        })
        .await
    }

    /// Reads and checks the head of the next request. None if the client went away before its end, or sent
    /// nothing at all: there is nobody to answer.
    pub async fn next_request(&mut self) -> Result<Option<Request>, Reject> {
        if !self.discard().await {
            return Ok(None);
        }
        match self.read_head().await {
            Ok(Some((head, body))) => Ok(Some(Request {
                head,
                body,
                added: Vec::new(),
            })),
            Ok(None) => {
                self.state = State::Cut;
                Ok(None)
            }
            Err(reject) => {
                let head_only = self.input.bytes.starts_with(b"HEAD ");
                self.current = Current {
                    version: Version::Http11,
                    head_only,
                    persistent: false,
                    accepts_trailers: false,
                };
                Err(reject)
            }
        }
    }

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

    /// How the request's body failed, if its reader ran into it. The response is then this one, whatever the
    /// handler says.
    pub fn body_failure(&self) -> Option<Reject> {
        self.incoming.as_ref()?.failure()
    }

    /// Whether another request may follow the last response.
    pub fn is_persistent(&self) -> bool {
        self.state == State::Persistent
    }

    /// Lets no request follow the current one: the next response says so. For an orderly end of the server.
    pub fn finish(&mut self) {
        self.finishing = true;
    }

    /// The head of the last response as it was sent. Kept until the next request is waited for.
    pub fn sent_head(&self) -> &[u8] {
        self.output.get(self.sent_head.clone()).unwrap_or_default()
    }

    /// Closes the connection. Where the client may still be sending, what it sends is read for a while and
    /// thrown away: closing at once would reset the connection, and the last response with it (RFC 9112,
    /// section 9.6).
    pub async fn close(mut self) {
        if self.state == State::Cut {
            return;
        }
        let unread = !self.input.bytes.is_empty()
            || self.incoming.take().is_some_and(|body| !body.is_at_end());
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
                self.input.bytes.clear();
                match self.input.poll_fill(&mut self.stream, READ_AHEAD, cx) {
                    Poll::Ready(Peer::Open) => rest = rest.saturating_sub(self.input.bytes.len()),
                    Poll::Ready(Peer::HalfClosed | Peer::Gone) => break,
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    async fn read_head(&mut self) -> Result<Option<(Head, Option<super::RequestBody>)>, Reject> {
        let max = self.limits.max_head.min(MAX_HEAD);
        let timeout = self.limits.header_timeout;
        let mut scan = HeadScan::default();
        let mut until = None;
        let length = poll_fn(|cx| {
            loop {
                if self.input.has_request()
                    && let Some(length) = scan.find_end(&self.input.bytes, max)?
                {
                    return Poll::Ready(Ok(Some(length)));
                }
                match self
                    .input
                    .poll_fill(&mut self.stream, READ_AHEAD.max(max), cx)
                {
                    Poll::Ready(Peer::Open) => {}
                    Poll::Ready(Peer::HalfClosed | Peer::Gone) => return Poll::Ready(Ok(None)),
                    Poll::Pending => {
                        let until = *until.get_or_insert_with(|| deadline(timeout));
                        let something_came = self.input.has_request();
                        return self.timer.poll(until, cx).map(|()| match something_came {
                            true => Err(Reject::HeadTimeout),
                            false => Ok(None),
                        });
                    }
                }
            }
        })
        .await?;
        let Some(length) = length else {
            return Ok(None);
        };

        let (head, framing) = Head::parse(self.input.bytes.get(..length).unwrap_or_default())?;
        let max_body = self.limits.max_body;
        if matches!(framing.length, BodyLength::Known(length) if length > max_body) {
            return Err(Reject::BodyTooLarge);
        }
        self.input.take_head(length);
        self.current = Current {
            version: head.version(),
            head_only: head.method() == "HEAD",
            persistent: framing.persistent,
            accepts_trailers: framing.accepts_trailers,
        };
        if framing.length == BodyLength::Known(0) {
            return Ok(Some((head, None)));
        }
        let expects_continue = framing.expects_continue;
        let (incoming, body) =
            Incoming::new(framing.length, expects_continue, max_body, &mut self.input);
        self.incoming = Some(incoming);
        Ok(Some((head, Some(body))))
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

    /// Throws away what is left of the last request's body. Whether another request may follow. Cancel-safe.
    async fn discard(&mut self) -> bool {
        if let Some(incoming) = &mut self.incoming
            && self.state == State::Persistent
        {
            let until = deadline(LINGER);
            let complete =
                poll_fn(
                    |cx| match incoming.poll_discard(&mut self.stream, &mut self.input, cx) {
                        Poll::Ready(complete) => Poll::Ready(complete),
                        Poll::Pending => self.timer.poll(until, cx).map(|()| false),
                    },
                )
                .await;
            if complete {
                self.incoming = None;
            } else {
                self.state = State::Closing;
            }
        }
        self.state == State::Persistent
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
/// How long, and how many bytes, a connection is read only for the sake of an orderly end.
const LINGER: Duration = Duration::from_secs(3);
const LINGER_BYTES: usize = 16 << 20;
/// The most that `Limits::max_head` can allow for.
const MAX_HEAD: usize = 1 << 20;
