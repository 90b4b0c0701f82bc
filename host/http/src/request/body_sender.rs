//! Feeds the body of a request that does not come from a [`Connection`](crate::Connection).

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;

use super::body::{BodyChannel, BodyError, RequestBody};

/// The sending end of a request's body, for another server than a [`Connection`](crate::Connection).
///
/// Wait until the reader [wants](Self::wanted) bytes, then [send](Self::send) some, until the [end](Self::end). Dropping the
/// sender before the end makes the body fail with [`BodyError::CutShort`].
#[derive(Debug)]
pub struct BodySender {
    channel: Arc<BodyChannel>,
}

impl RequestBody {
    /// A body, and the sender that feeds it.
    pub fn channel() -> (BodySender, Self) {
        let channel = Arc::new(BodyChannel::default());
        let sender = BodySender {
            channel: channel.clone(),
        };
        (sender, Self::new(channel))
    }
}

impl BodySender {
    /// Waits until the reader wants bytes. Returns false if the reader was dropped.
    pub async fn wanted(&self) -> bool {
        poll_fn(|cx| self.channel.poll_wanted_or_closed(cx)).await
    }

    /// Sends bytes that the reader [wants](Self::wanted). Empty bytes are ignored.
    pub fn send(&self, content: Bytes) {
        if !content.is_empty() {
            self.channel.deliver(content, None, None);
        }
    }

    /// Ends the body, or makes it fail.
    pub fn end(self, end: Result<(), BodyError>) {
        self.channel.deliver(Bytes::new(), Some(end), None);
    }
}

impl Drop for BodySender {
    fn drop(&mut self) {
        // Has no effect after an end.
        let cut_short = Some(Err(BodyError::CutShort));
        self.channel.deliver(Bytes::new(), cut_short, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passes_a_body_as_far_as_the_reader_wants_it() {
        let (sender, mut body) = RequestBody::channel();
        let feeding = tokio::spawn(async move {
            for piece in ["one", "", "two"] {
                assert!(sender.wanted().await);
                sender.send(piece.into());
            }
            assert!(sender.wanted().await);
            sender.end(Ok(()));
        });
        assert_eq!(body.read(9).await, Ok(Some("one".into())));
        assert_eq!(body.read(9).await, Ok(Some("two".into())));
        assert_eq!(body.read(9).await, Ok(None));
        feeding.await.unwrap();
    }

    #[tokio::test]
    async fn tells_the_sender_that_the_reader_was_dropped() {
        let (sender, body) = RequestBody::channel();
        let waiting = tokio::spawn(async move { sender.wanted().await });
        tokio::task::yield_now().await;
        drop(body);
        assert!(!waiting.await.unwrap());
    }

    #[tokio::test]
    async fn a_dropped_sender_cuts_the_body_short() {
        let (sender, mut body) = RequestBody::channel();
        drop(sender);
        assert_eq!(body.read(9).await, Err(BodyError::CutShort));
    }
}
