//! A timer that is cheap to move to a later deadline.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of a connection.
///
/// Arming a timer takes a lock of the runtime, which costs too much for every request. A timer that is armed for an
/// earlier moment therefore stays armed, and is armed again when it fires too early. With tens of thousands of requests
/// a second and timeouts of many seconds, hardly any request arms it.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Ready once `deadline` has passed.
    pub(crate) fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

/// The moment `after` from now. If the clock cannot represent it, a moment that never comes.
pub(crate) fn deadline(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after).unwrap_or_else(|| now + NEVER)
}

/// Thirty years, which any clock can represent.
const NEVER: Duration = Duration::from_secs(30 * 365 * 86400);

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn fires_at_deadlines_that_move_both_ways() {
        let mut timer = Timer::default();
        let start = Instant::now();
        for (after, from_now) in [(5, 5), (1, 1), (60, 60), (0, 0), (2, 2)] {
            let deadline = Instant::now() + Duration::from_secs(from_now);
            let before = Instant::now();
            poll_fn(|cx| timer.poll(deadline, cx)).await;
            assert_eq!((Instant::now() - before).as_secs(), after);
        }
        assert_eq!(start.elapsed().as_secs(), 68);
        // An abandoned deadline leaves the timer armed, and the next one still fires in time.
        let long = Instant::now() + Duration::from_secs(60);
        let short = Instant::now() + Duration::from_secs(3);
        poll_fn(|cx| {
            assert!(timer.poll(long, cx).is_pending());
            timer.poll(short, cx)
        })
        .await;
        assert_eq!(start.elapsed().as_secs(), 71);
        poll_fn(|cx| timer.poll(long, cx)).await;
        assert_eq!(start.elapsed().as_secs(), 128);
    }
}
