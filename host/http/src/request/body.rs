//! The body of a request: its reader, and the channel that passes it from the connection.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::chunked_decoder::ChunkError;
use super::reject::Reject;
use crate::trailers::Trailers;

/// The reader of a request's body.
///
/// The connection reads the body only when this reader asks for it, apart from bytes that arrived with the head. Bytes
/// arrive only while the connection is driven: by [`Connection::drive`](crate::Connection::drive), or while it sends a
/// response with a streamed body.
#[derive(Debug)]
pub struct RequestBody {
    channel: Arc<BodyChannel>,
}

/// Why a body could not be read completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The client closed the connection before the end of the body.
    CutShort,
    /// The chunked coding is malformed.
    Malformed(ChunkError),
    /// The body exceeds its maximum size.
    TooLarge,
    /// The body was not received in time.
    TooSlow,
    /// The request was answered, or its connection closed, before the body was read.
    Answered,
}

impl RequestBody {
    /// Reads at least 1 and at most `max` bytes. None at the end of the body. If `max` is 0, returns no bytes at once.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
    ) -> Poll<Result<Option<Bytes>, BodyError>> {
        let mut state = self.channel.lock();
        match state.take(max) {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                state.ask(Some(cx));
                Poll::Pending
            }
        }
    }

    /// [`poll_read`](Self::poll_read) as a future. Cancel-safe.
    pub async fn read(&mut self, max: usize) -> Result<Option<Bytes>, BodyError> {
        poll_fn(|cx| self.poll_read(cx, max)).await
    }

    /// [`poll_read`](Self::poll_read) without waiting. None if no bytes have arrived yet; the connection then starts to
    /// read them.
    pub fn try_read(&mut self, max: usize) -> Option<Result<Option<Bytes>, BodyError>> {
        let mut state = self.channel.lock();
        let outcome = state.take(max);
        if outcome.is_none() {
            state.ask(None);
        }
        outcome
    }

    /// The trailers. They are complete once the body has been read to its end.
    pub fn take_trailers(&mut self) -> Trailers {
        std::mem::take(&mut self.channel.lock().trailers)
    }

    /// Ready when a read would return at once, with bytes, the end or an error.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.channel.lock();
        if !state.content.is_empty() || state.end.is_some() {
            return Poll::Ready(());
        }
        state.ask(Some(cx));
        Poll::Pending
    }

    pub(crate) fn new(channel: Arc<BodyChannel>) -> Self {
        Self { channel }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let mut state = self.channel.lock();
        state.wanted = false;
        state.content = Bytes::new();
        state.reader = None;
        state.is_closed = true;
        if state.is_close_awaited
            && let Some(feeder) = state.feeder.take()
        {
            feeder.wake();
        }
    }
}

/// Passes the body from the connection that receives it to its reader.
#[derive(Debug, Default)]
pub(crate) struct BodyChannel {
    state: Mutex<ChannelState>,
}

#[derive(Debug, Default)]
struct ChannelState {
    /// Bytes that the reader has not taken yet.
    content: Bytes,
    /// The end of the body or an error. It follows `content`, and is none while unknown.
    end: Option<Result<(), BodyError>>,
    /// Complete once `end` is known.
    trailers: Trailers,
    /// Whether the reader has seen the error in `end`.
    failure_seen: bool,
    /// Whether the reader waits for bytes that have not arrived.
    wanted: bool,
    reader: Option<Waker>,
    feeder: Option<Waker>,
    /// Whether the reader was dropped.
    is_closed: bool,
    /// Whether the feeder waits for that. A connection does not, and is not woken.
    is_close_awaited: bool,
}

impl ChannelState {
    fn take(&mut self, max: usize) -> Option<Result<Option<Bytes>, BodyError>> {
        if !self.content.is_empty() || max == 0 {
            let length = max.min(self.content.len());
            return Some(Ok(Some(self.content.split_to(length))));
        }
        let end = self.end?;
        self.failure_seen = end.is_err();
        Some(end.map(|()| None))
    }

    fn ask(&mut self, cx: Option<&mut Context<'_>>) {
        self.wanted = true;
        if let Some(cx) = cx {
            self.reader = Some(cx.waker().clone());
        }
        if let Some(feeder) = self.feeder.take() {
            feeder.wake();
        }
    }
}

impl BodyChannel {
    /// Whether the reader waits for a delivery. If not, the task of `cx` is woken once it does.
    pub(crate) fn is_wanted(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.lock();
        let wanted = state.wanted && state.end.is_none();
        state.feeder = (!wanted).then(|| cx.waker().clone());
        wanted
    }

    /// Ready when the reader waits for a delivery, with false if it was dropped.
    pub(crate) fn poll_wanted_or_closed(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        if state.is_closed || state.wanted {
            return Poll::Ready(!state.is_closed);
        }
        state.is_close_awaited = true;
        state.feeder = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether the reader waits for a delivery. Registers no waker.
    pub(crate) fn is_waited_for(&self) -> bool {
        let state = self.lock();
        state.wanted && state.end.is_none()
    }

    /// Tells the channel that the feeder is awake and is about to check it, so that no wake-up is needed.
    pub(crate) fn feeder_is_awake(&self) {
        self.lock().feeder = None;
    }

    /// Delivers bytes to the reader, and the end of the body or an error if known. `awake` is a task that polls the
    /// reader anyway, and is not woken.
    pub(crate) fn deliver(
        &self,
        content: Bytes,
        end: Option<Result<(), BodyError>>,
        awake: Option<&Waker>,
    ) {
        let mut state = self.lock();
        if !content.is_empty() {
            state.content = content;
        }
        state.end = state.end.or(end);
        state.wanted = false;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader
            && !awake.is_some_and(|awake| reader.will_wake(awake))
        {
            reader.wake();
        }
    }

    /// Sets the trailers. Must be called before the end is delivered.
    pub(crate) fn set_trailers(&self, trailers: Trailers) {
        self.lock().trailers = trailers;
    }

    /// The error of the body, if the reader has seen it.
    pub(crate) fn failure(&self) -> Option<Reject> {
        let state = self.lock();
        match state.end {
            Some(Err(error)) if state.failure_seen => error.reject(),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, ChannelState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyError {
    fn reject(self) -> Option<Reject> {
        match self {
            Self::CutShort => Some(Reject::BodyCutShort),
            Self::Malformed(error) => Some(Reject::BodyMalformed(error)),
            Self::TooLarge => Some(Reject::BodyTooLarge),
            Self::TooSlow => Some(Reject::BodyTimeout),
            Self::Answered => None,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reject() {
            Some(reject) => reject.fmt(f),
            None => f.write_str("the request was answered before its body was read"),
        }
    }
}

impl std::error::Error for BodyError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Arc<BodyChannel>, RequestBody) {
        let channel = Arc::new(BodyChannel::default());
        (channel.clone(), RequestBody::new(channel))
    }

    #[test]
    fn delivers_content_in_order_and_at_most_max_bytes() {
        let (channel, mut body) = pair();
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(!channel.is_wanted(cx));
        assert_eq!(body.try_read(9), None);
        assert!(channel.is_wanted(cx));
        channel.deliver(Bytes::from_static(b"hello"), None, None);
        assert!(!channel.is_wanted(cx));
        assert_eq!(body.poll_ready(cx), Poll::Ready(()));
        assert_eq!(body.try_read(0), Some(Ok(Some(Bytes::new()))));
        assert_eq!(body.try_read(2), Some(Ok(Some("he".into()))));
        assert_eq!(body.poll_read(cx, 9), Poll::Ready(Ok(Some("llo".into()))));
        assert_eq!(body.poll_ready(cx), Poll::Pending);
        channel.deliver("!".into(), Some(Ok(())), None);
        assert_eq!(body.try_read(9), Some(Ok(Some("!".into()))));
        assert_eq!(body.try_read(9), Some(Ok(None)));
        assert_eq!(body.try_read(9), Some(Ok(None)));
        assert_eq!(channel.failure(), None);
    }

    #[test]
    fn reports_a_failure_once_the_reader_has_seen_it() {
        let (channel, mut body) = pair();
        channel.deliver("x".into(), Some(Err(BodyError::TooSlow)), None);
        assert_eq!(body.try_read(9), Some(Ok(Some("x".into()))));
        assert_eq!(channel.failure(), None);
        assert_eq!(body.try_read(9), Some(Err(BodyError::TooSlow)));
        assert_eq!(channel.failure(), Some(Reject::BodyTimeout));
    }

    #[test]
    fn wants_nothing_once_the_reader_is_dropped() {
        let (channel, mut body) = pair();
        assert_eq!(body.try_read(9), None);
        drop(body);
        assert!(!channel.is_wanted(&mut Context::from_waker(Waker::noop())));
    }
}
