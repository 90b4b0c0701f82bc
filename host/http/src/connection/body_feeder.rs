use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::read_buffer::{Peer, READ_AHEAD, ReadBuffer};
use crate::request::body::{BodyChannel, BodyError, RequestBody};
use crate::request::chunked_decoder::ChunkedDecoder;
use crate::request::framing::BodyLength;
use crate::request::reject::Reject;
use crate::timer::{Timer, deadline};

/// The body of the current request, as the connection sees it: it feeds a [`RequestBody`], or throws away what
/// nobody read.
#[derive(Debug)]
pub(crate) struct BodyFeeder {
    channel: Arc<BodyChannel>,
    decoder: Decoder,
    interim: Interim,
    /// Whether an interim response that is still owed goes out ahead of the final one.
    interim_ahead: bool,
    max_length: u64,
    received: u64,
    discarded: u64,
    /// How long the reader waited for the client, the present wait not counted.
    waited: Duration,
    waiting_since: Option<Instant>,
}

#[derive(Debug)]
enum Decoder {
    /// Bytes that are still to come.
    Length(u64),
    Chunked(ChunkedDecoder),
    End,
    Failed,
}

/// The interim response `100 Continue` (RFC 9110, section 10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interim {
    NotExpected,
    /// The client waits for it; it is sent on the first read.
    Owed,
    /// What is left of it to send.
    Sending(&'static [u8]),
    /// The final response came first.
    Withheld,
}

/// What feeding needs of the connection.
pub(crate) struct ClientStream<'a, S> {
    pub(crate) stream: &'a mut S,
    pub(crate) input: &'a mut ReadBuffer,
    pub(crate) timer: &'a mut Timer,
}

impl BodyFeeder {
    /// A body whose head has come, and its reader. What of it is in `input` is handed over at once, so that it
    /// can be read without waiting.
    pub(crate) fn new(
        length: BodyLength,
        expects_continue: bool,
        max_length: u64,
        input: &mut ReadBuffer,
    ) -> (Self, RequestBody) {
        let channel = Arc::new(BodyChannel::default());
        let body = RequestBody::new(channel.clone());
        let mut incoming = Self {
            channel,
            decoder: match length {
                BodyLength::Known(length) => Decoder::Length(length),
                BodyLength::Chunked => Decoder::Chunked(ChunkedDecoder::default()),
            },
            interim: if expects_continue {
                Interim::Owed
            } else {
                Interim::NotExpected
            },
            interim_ahead: false,
            max_length,
            received: 0,
            discarded: 0,
            waited: Duration::ZERO,
            waiting_since: None,
        };
        if !expects_continue {
            incoming.deliver(input, None);
        }
        (incoming, body)
    }

    /// The feeder is awake and about to look: the reader need not wake it.
    pub(crate) fn is_awake(&self) {
        self.channel.feeder_is_awake();
    }

    /// Feeds the reader, if it waits. Ready when it was given something: the task of `cx`, which polls the
    /// reader, is to poll it again.
    pub(crate) fn poll_feed<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        source: ClientStream<'_, S>,
        timeout: Duration,
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
                Poll::Ready(Peer::Open) => self.stop_waiting(),
                Poll::Ready(Peer::HalfClosed | Peer::Gone) => {
                    self.fail(BodyError::CutShort, cx);
                    return Poll::Ready(());
                }
                Poll::Pending => {
                    ready!(timer.poll(self.deadline(timeout), cx));
                    self.fail(BodyError::TooSlow, cx);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Throws away what the reader left. Ready with whether the body came to its end within a small bound.
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
                    if end || self.discarded > DISCARDED {
                        return Poll::Ready(end && self.discarded <= DISCARDED);
                    }
                }
                Err(_) => return Poll::Ready(false),
            }
            if ready!(input.poll_fill(stream, READ_AHEAD, cx)) != Peer::Open {
                return Poll::Ready(false);
            }
        }
    }

    /// How the body failed while it was read, if the reader was told so.
    pub(crate) fn failure(&self) -> Option<Reject> {
        self.channel.failure()
    }

    /// Whether all of it was taken from the connection.
    pub(crate) fn is_at_end(&self) -> bool {
        matches!(self.decoder, Decoder::End)
    }

    /// Whether what is left may be small enough to throw away, and is certain to come.
    pub(crate) fn is_discardable(&self) -> bool {
        let small = match &self.decoder {
            Decoder::Length(rest) => *rest <= DISCARDED,
            Decoder::Chunked(_) | Decoder::End => true,
            Decoder::Failed => false,
        };
        let is_asked_for = !self.is_interim_owed() || self.interim_ahead;
        small && is_asked_for && self.interim != Interim::Withheld
    }

    /// A final response is about to be sent, whose source reads the body on if it `streams`: where it has begun to, it
    /// is late but not too late to ask the client for it.
    pub(crate) fn before_final(&mut self, streams: bool) {
        self.interim_ahead = streams && self.is_interim_owed() && self.channel.is_waited_for();
    }

    /// What is to be sent before the final response: an interim one, or the rest of it.
    pub(crate) fn unsent_interim(&self) -> &'static [u8] {
        match self.interim {
            _ if self.interim_ahead => CONTINUE,
            Interim::Sending(rest) if !self.is_interim_owed() => rest,
            _ => b"",
        }
    }

    /// The final response is being sent: no interim one may follow.
    pub(crate) fn withhold_interim(&mut self) {
        self.interim = match self.interim {
            _ if self.interim_ahead => Interim::NotExpected,
            _ if self.is_interim_owed() => Interim::Withheld,
            Interim::Sending(_) => Interim::NotExpected,
            other => other,
        };
        self.interim_ahead = false;
    }

    /// Whether the client waits for an interim response of which it has not got a byte.
    fn is_interim_owed(&self) -> bool {
        match self.interim {
            Interim::Owed => true,
            Interim::Sending(rest) => rest.len() == CONTINUE.len(),
            Interim::NotExpected | Interim::Withheld => false,
        }
    }

    /// Hands the reader what `input` holds. Whether there was anything: bytes, the end or a failure.
    fn deliver(&mut self, input: &mut ReadBuffer, cx: Option<&mut Context<'_>>) -> bool {
        let (content, end) = match self.decode(input) {
            Ok((content, end)) => (content, end.then_some(Ok(()))),
            Err(error) => (Bytes::new(), Some(Err(error))),
        };
        let anything = !content.is_empty() || end.is_some();
        if anything {
            self.stop_waiting();
            self.channel.deliver(content, end, cx.map(|cx| cx.waker()));
        }
        anything
    }

    fn decode(&mut self, input: &mut ReadBuffer) -> Result<(Bytes, bool), BodyError> {
        let outcome = self.decode_unbounded(&mut input.bytes);
        if !matches!(outcome, Ok((_, false))) {
            self.decoder = if outcome.is_ok() {
                Decoder::End
            } else {
                Decoder::Failed
            };
        }
        outcome
    }

    fn decode_unbounded(&mut self, input: &mut BytesMut) -> Result<(Bytes, bool), BodyError> {
        match &mut self.decoder {
            Decoder::Length(rest) => {
                let length = usize::try_from(*rest)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                if length == 0 {
                    return Ok((Bytes::new(), *rest == 0));
                }
                *rest -= length as u64;
                self.received += length as u64;
                Ok((take(input, length), *rest == 0))
            }
            Decoder::Chunked(chunked) => {
                let mut content = BytesMut::new();
                let end = chunked
                    .decode(input, &mut content)
                    .map_err(BodyError::Malformed)?;
                if end {
                    self.channel.set_trailers(chunked.take_trailers());
                }
                self.received += content.len() as u64;
                if self.received > self.max_length {
                    return Err(BodyError::TooLarge);
                }
                Ok((content.freeze(), end))
            }
            Decoder::End => Ok((Bytes::new(), true)),
            Decoder::Failed => Err(BodyError::CutShort),
        }
    }

    fn poll_interim<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        while let Interim::Sending(rest) = self.interim {
            self.interim = match ready!(Pin::new(&mut *stream).poll_write(cx, rest)) {
                Ok(sent @ 1..) if sent < rest.len() => Interim::Sending(&rest[sent..]),
                // Whoever cannot be written to will be found out when the response is sent.
                _ => Interim::NotExpected,
            };
        }
        Poll::Ready(())
    }

    /// When the present wait is too long. All waits together are counted: a client that sends a byte now and
    /// then gains nothing by it.
    fn deadline(&mut self, timeout: Duration) -> Instant {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let allowance = timeout.saturating_add(Duration::from_secs(self.received >> 10));
        let left = allowance
            .saturating_sub(self.waited)
            .saturating_sub(since.elapsed());
        deadline(left)
    }

    fn stop_waiting(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }

    fn fail(&mut self, error: BodyError, cx: &mut Context<'_>) {
        self.decoder = Decoder::Failed;
        self.channel
            .deliver(Bytes::new(), Some(Err(error)), Some(cx.waker()));
    }
}

/// Takes the first `length` bytes off `input`, never so that both share memory: a reader that holds on to a few
/// bytes must not hold the connection's buffer, nor the other way round.
fn take(input: &mut BytesMut, length: usize) -> Bytes {
    if length == input.len() && length > COPIED {
        return std::mem::take(input).freeze();
    }
    let content = Bytes::copy_from_slice(input.get(..length).unwrap_or_default());
    input.advance(content.len());
    content
}

impl Drop for BodyFeeder {
    fn drop(&mut self) {
        // A reader that outlives the request is told so, rather than left waiting.
        self.channel
            .deliver(Bytes::new(), Some(Err(BodyError::Answered)), None);
    }
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// The most bytes of a body that are read only to be thrown away, so that the connection can be kept.
const DISCARDED: u64 = 64 << 10;
/// Up to this many bytes are copied rather than handed over with the buffer they came in.
const COPIED: usize = 4 << 10;
