//! The connection's side of a request body: receiving and delivering it, and `100 Continue`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body_decoder::BodyDecoder;
use super::read_buffer::{Peer, READ_AHEAD, ReadBuffer};
use crate::limits::Limits;
use crate::pace::Pace;
use crate::request::body::{BodyChannel, BodyError, RequestBody};
use crate::request::framing::BodyLength;
use crate::request::reject::Reject;
use crate::timer::Timer;

/// The body of the current request on the side of the connection. It feeds a [`RequestBody`], or discards what the
/// handler did not read.
#[derive(Debug)]
pub(crate) struct BodyFeeder {
    channel: Arc<BodyChannel>,
    decoder: BodyDecoder,
    interim: Interim,
    /// Whether the interim response that is still owed is sent just before the final one.
    interim_ahead: bool,
    discarded: u64,
    /// How long the reader has waited for the client.
    pace: Pace,
}

/// The interim response `100 Continue` (RFC 9110, section 10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interim {
    NotExpected,
    /// The client waits for it. It is sent when the handler first reads the body.
    Owed,
    /// The bytes of it that are still to be sent.
    Sending(&'static [u8]),
    /// The final response was sent instead.
    Withheld,
}

/// The parts of the connection that feeding needs.
pub(crate) struct ClientStream<'a, S> {
    pub(crate) stream: &'a mut S,
    pub(crate) input: &'a mut ReadBuffer,
    pub(crate) timer: &'a mut Timer,
}

impl BodyFeeder {
    /// The feeder and the reader of a body. Bytes of the body in `input` are delivered at once, so that the handler can
    /// read them without waiting.
    pub(crate) fn new(
        length: BodyLength,
        expects_continue: bool,
        max_length: u64,
        input: &mut ReadBuffer,
    ) -> (Self, RequestBody) {
        let channel = Arc::new(BodyChannel::default());
        let body = RequestBody::new(channel.clone());
        let mut feeder = Self {
            channel,
            decoder: BodyDecoder::new(length, max_length),
            interim: if expects_continue {
                Interim::Owed
            } else {
                Interim::NotExpected
            },
            interim_ahead: false,
            discarded: 0,
            pace: Pace::default(),
        };
        if !expects_continue {
            feeder.deliver(input, None);
        }
        (feeder, body)
    }

    /// Tells the reader that the feeder is awake and is about to check the channel, so that no wake-up is needed.
    pub(crate) fn is_awake(&self) {
        self.channel.feeder_is_awake();
    }

    /// Feeds the reader if it waits. Ready after a delivery: the task of `cx`, which polls the reader, must then poll
    /// it again.
    pub(crate) fn poll_feed<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        source: ClientStream<'_, S>,
        limits: &Limits,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let ClientStream {
            stream,
            input,
            timer,
        } = source;
        if !self.channel.is_wanted(cx) {
            return Poll::Pending;
        }
        loop {
            if self.interim == Interim::Owed {
                self.interim = Interim::Sending(CONTINUE);
            }
            let more = match self.poll_interim(stream, cx) {
                Poll::Ready(()) if self.deliver(input, Some(cx)) => return Poll::Ready(()),
                Poll::Ready(()) => input.poll_fill(stream, READ_AHEAD, cx),
                Poll::Pending => Poll::Pending,
            };
            match more {
                Poll::Ready(Peer::Open) => self.pace.stop(),
                Poll::Ready(Peer::HalfClosed | Peer::Gone) => {
                    self.fail(BodyError::CutShort, cx);
                    return Poll::Ready(());
                }
                Poll::Pending => {
                    let allowance = limits.body_timeout;
                    ready!(timer.poll(self.pace.deadline(allowance), cx));
                    let (received, rate) = (self.decoder.received(), limits.min_data_rate);
                    if self.pace.is_too_slow(received, rate, allowance) {
                        self.fail(BodyError::TooSlow, cx);
                        return Poll::Ready(());
                    }
                }
            }
        }
    }

    /// Discards what the reader left. Ready with whether the body ended within a small bound.
    pub(crate) fn poll_discard<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        input: &mut ReadBuffer,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        loop {
            match self.decode(input) {
                Ok((content, end)) => {
                    self.discarded += content.len() as u64;
                    if end || self.discarded > MAX_DISCARDED {
                        return Poll::Ready(end && self.discarded <= MAX_DISCARDED);
                    }
                }
                Err(_) => return Poll::Ready(false),
            }
            if ready!(input.poll_fill(stream, READ_AHEAD, cx)) != Peer::Open {
                return Poll::Ready(false);
            }
        }
    }

    /// Why the body failed, if the reader has seen the error.
    pub(crate) fn failure(&self) -> Option<Reject> {
        self.channel.failure()
    }

    /// Whether the complete body was received.
    pub(crate) fn is_at_end(&self) -> bool {
        self.decoder.is_at_end()
    }

    /// Whether the rest of the body may be small enough to discard, and is certain to arrive.
    pub(crate) fn is_discardable(&self) -> bool {
        let small = self.decoder.may_end_within(MAX_DISCARDED);
        let is_asked_for = !self.is_interim_owed() || self.interim_ahead;
        small && is_asked_for && self.interim != Interim::Withheld
    }

    /// Must be called before a final response is sent. If the response is a stream whose handler already waits for the
    /// body, the interim response can still go out ahead of the final one.
    pub(crate) fn before_final(&mut self, is_stream: bool) {
        self.interim_ahead = is_stream && self.is_interim_owed() && self.channel.is_waited_for();
    }

    /// The interim response, or the rest of it, that must be sent before the final response.
    pub(crate) fn unsent_interim(&self) -> &'static [u8] {
        match self.interim {
            _ if self.interim_ahead => CONTINUE,
            Interim::Sending(rest) if !self.is_interim_owed() => rest,
            _ => b"",
        }
    }

    /// Must be called when the final response is being sent: no interim response may follow it.
    pub(crate) fn withhold_interim(&mut self) {
        self.interim = match self.interim {
            _ if self.interim_ahead => Interim::NotExpected,
            _ if self.is_interim_owed() => Interim::Withheld,
            Interim::Sending(_) => Interim::NotExpected,
            other => other,
        };
        self.interim_ahead = false;
    }

    /// Whether the client waits for an interim response and has not received a byte of it.
    fn is_interim_owed(&self) -> bool {
        match self.interim {
            Interim::Owed => true,
            Interim::Sending(rest) => rest.len() == CONTINUE.len(),
            Interim::NotExpected | Interim::Withheld => false,
        }
    }

    /// Delivers what `input` holds to the reader. Returns whether there was anything: bytes, the end or an error.
    fn deliver(&mut self, input: &mut ReadBuffer, cx: Option<&mut Context<'_>>) -> bool {
        let (content, end) = match self.decode(input) {
            Ok((content, end)) => (content, end.then_some(Ok(()))),
            Err(error) => (Bytes::new(), Some(Err(error))),
        };
        let anything = !content.is_empty() || end.is_some();
        if anything {
            self.pace.stop();
            self.channel.deliver(content, end, cx.map(|cx| cx.waker()));
        }
        anything
    }

    fn decode(&mut self, input: &mut ReadBuffer) -> Result<(Bytes, bool), BodyError> {
        let outcome = self.decoder.decode(&mut input.bytes);
        let trailers = self.decoder.take_trailers();
        if !trailers.is_empty() {
            self.channel.set_trailers(trailers);
        }
        outcome
    }

    fn poll_interim<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        while let Interim::Sending(rest) = self.interim {
            self.interim = match ready!(Pin::new(&mut *stream).poll_write(cx, rest)) {
                Ok(sent @ 1..) if sent < rest.len() => Interim::Sending(&rest[sent..]),
                // A failed write shows again when the response is sent.
                _ => Interim::NotExpected,
            };
        }
        Poll::Ready(())
    }

    fn fail(&mut self, error: BodyError, cx: &mut Context<'_>) {
        self.decoder.fail();
        self.channel
            .deliver(Bytes::new(), Some(Err(error)), Some(cx.waker()));
    }
}

impl Drop for BodyFeeder {
    fn drop(&mut self) {
        // A reader that outlives the request gets an error instead of waiting for ever.
        self.channel
            .deliver(Bytes::new(), Some(Err(BodyError::Answered)), None);
    }
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// Maximum number of unread bytes of a body that are discarded to keep the connection open.
const MAX_DISCARDED: u64 = 64 << 10;
