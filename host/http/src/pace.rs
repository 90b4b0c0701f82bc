//! Whether a client keeps up with a minimum rate.

use std::time::Duration;

use tokio::time::Instant;

/// How long the server has waited for a client, less a second for each `rate` bytes that the client sent or took.
///
/// Only waits count: neither a slow handler nor a pause between requests is the client's fault. A client may therefore
/// pause for as long as the allowance, but cannot gain more time by moving single bytes.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Without the current wait.
    waited: Duration,
    waiting_since: Option<Instant>,
    /// The number of bytes that have shortened `waited`.
    settled: u64,
}

impl Pace {
    /// Begins to wait, unless a wait has begun. Returns the moment at which the wait may have become too long, and
    /// [`is_too_slow`](Self::is_too_slow) must be asked.
    pub(crate) fn deadline(&mut self, allowance: Duration) -> Instant {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let left = allowance.saturating_sub(self.waited);
        since.checked_add(left).unwrap_or_else(|| since + NEVER)
    }

    /// Ends the wait, if there is one.
    pub(crate) fn stop(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.waited = self.waited.saturating_add(since.elapsed());
        }
    }

    /// Whether the client is slower than allowed. `moved` is the number of bytes that it sent or took so far. Time that
    /// it has not needed until now is not left for later.
    pub(crate) fn is_too_slow(&mut self, moved: u64, rate: u64, allowance: Duration) -> bool {
        self.stop();
        let earned = time_for(moved.saturating_sub(self.settled), rate);
        self.settled = self.settled.max(moved);
        self.waited = self.waited.saturating_sub(earned);
        self.waited >= allowance
    }
}

/// The time that a client may take for this many bytes.
fn time_for(bytes: u64, rate: u64) -> Duration {
    let nanoseconds = u128::from(bytes) * NANOSECONDS / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

const NANOSECONDS: u128 = 1_000_000_000;

/// Thirty years, which any clock can represent.
const NEVER: Duration = Duration::from_secs(30 * 365 * 86400);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const ALLOWANCE: Duration = Duration::from_secs(10);
    const RATE: u64 = 1000;

    /// Waits for `seconds`, and then counts `moved` bytes in all.
    async fn is_too_slow(pace: &mut Pace, seconds: u64, moved: u64) -> bool {
        pace.deadline(ALLOWANCE);
        advance(Duration::from_secs(seconds)).await;
        pace.is_too_slow(moved, RATE, ALLOWANCE)
    }

    #[tokio::test(start_paused = true)]
    async fn allows_a_pause_and_the_minimum_rate() {
        let mut pace = Pace::default();
        assert!(!is_too_slow(&mut pace, 9, 0).await);
        for second in 1..1000 {
            assert!(!is_too_slow(&mut pace, 1, second * 1000).await, "{second}");
        }
        assert!(is_too_slow(&mut pace, 1, 999_000).await);
    }

    #[tokio::test(start_paused = true)]
    async fn bounds_the_time_of_a_client_that_moves_single_bytes() {
        let mut pace = Pace::default();
        let start = Instant::now();
        let mut moved = 0;
        while !is_too_slow(&mut pace, 1, moved).await {
            moved += 10;
        }
        assert_eq!(start.elapsed().as_secs(), 11);
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_save_time_for_later() {
        let mut pace = Pace::default();
        assert!(!is_too_slow(&mut pace, 1, 1 << 30).await);
        assert!(is_too_slow(&mut pace, 10, 1 << 30).await);
    }

    #[tokio::test(start_paused = true)]
    async fn counts_waits_only() {
        let mut pace = Pace::default();
        pace.deadline(ALLOWANCE);
        advance(Duration::from_secs(4)).await;
        pace.stop();
        advance(Duration::from_secs(1000)).await;
        let start = Instant::now();
        assert_eq!((pace.deadline(ALLOWANCE) - start).as_secs(), 6);
        assert_eq!(pace.deadline(Duration::MAX), start + NEVER);
    }
}
