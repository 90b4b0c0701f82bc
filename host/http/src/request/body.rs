use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::chunked_decoder::ChunkError;
use super::reject::Reject;
use crate::trailers::Trailers;

/// The body of a request, as its reader sees it.
///
/// Nothing is fed to it before it is asked for here (but what came along with the head), and nothing comes unless
/// the connection is driven meanwhile: by [`Connection::drive`](crate::Connection::drive), or by a response whose
/// body is a stream.
#[derive(Debug)]
pub struct RequestBody {
    channel: Arc<BodyChannel>,
}

/// Why a body could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The client closed its side before the body's end, or is gone.
    CutShort,
    /// The chunked coding is malformed.
    Malformed(ChunkError),
    /// There is more of it than allowed.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// The request was answered, or its connection given up, before the body was read.
    Answered,
}

impl RequestBody {
    /// At least 1 and at most `max` bytes of the body; none at its end. (No bytes at once where `max` is 0.)
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

    /// [`poll_read`](Self::poll_read) without waiting: none if nothing is there yet, in which case the client's
    /// bytes are asked for.
    pub fn try_read(&mut self, max: usize) -> Option<Result<Option<Bytes>, BodyError>> {
        let mut state = self.channel.lock();
        let outcome = state.take(max);
        if outcome.is_none() {
            state.ask(None);
        }
        outcome
    }

    /// The fields that came after the content, once it was read to its end.
    pub fn take_trailers(&mut self) -> Trailers {
        std::mem::take(&mut self.channel.lock().trailers)
    }

    /// Ready when a read would be: bytes, the end or a failure are there.
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
    }
}

/// What the reader of a body and the connection that feeds it share.
#[derive(Debug, Default)]
pub(crate) struct BodyChannel {
    state: Mutex<ChannelState>,
}

#[derive(Debug, Default)]
struct ChannelState {
    /// What the reader was given and has not yet taken.
    content: Bytes,
    /// What comes after it, once that is known.
    end: Option<Result<(), BodyError>>,
    /// Known with the end.
    trailers: Trailers,
    /// Whether the reader was told of the failure in `end`.
    failure_seen: bool,
    /// Whether the reader asked for more than there is.
    wanted: bool,
    reader: Option<Waker>,
    feeder: Option<Waker>,
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
    /// Whether the reader waits for something to be delivered. If not, the task of `cx` is woken when it does.
    pub(crate) fn is_wanted(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.lock();
        let wanted = state.wanted && state.end.is_none();
        state.feeder = (!wanted).then(|| cx.waker().clone());
        wanted
    }

    /// Whether the reader waits for something to be delivered, whoever is told when it does.
    pub(crate) fn is_waited_for(&self) -> bool {
        let state = self.lock();
        state.wanted && state.end.is_none()
    }

    /// The feeder is awake and about to look: it need not be woken.
    pub(crate) fn feeder_is_awake(&self) {
        self.lock().feeder = None;
    }

    /// Hands bytes to the reader, and what comes after them if that is known. `awake` is the task that is
    /// about to poll the reader anyway.
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

    /// To be called before the end is delivered.
    pub(crate) fn set_trailers(&self, trailers: Trailers) {
        self.lock().trailers = trailers;
    }

    /// How reading failed, if the reader knows of it.
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
    fn content_comes_in_order_and_by_at_most_max() {
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
    fn a_failure_counts_once_the_reader_was_told() {
        let (channel, mut body) = pair();
        channel.deliver("x".into(), Some(Err(BodyError::TooSlow)), None);
        assert_eq!(body.try_read(9), Some(Ok(Some("x".into()))));
        assert_eq!(channel.failure(), None);
        assert_eq!(body.try_read(9), Some(Err(BodyError::TooSlow)));
        assert_eq!(channel.failure(), Some(Reject::BodyTimeout));
    }

    #[test]
    fn nothing_is_wanted_once_the_reader_is_gone() {
        let (channel, mut body) = pair();
        assert_eq!(body.try_read(9), None);
        drop(body);
        assert!(!channel.is_wanted(&mut Context::from_waker(Waker::noop())));
    }
}
