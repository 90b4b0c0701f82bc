//! When a store that failed is opened again, when it is written to again, and which failures are logged.

use std::time::{Duration, Instant};

/// The recovery of a store. All times come from a clock that never jumps.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    opening: BackOff,
    writing: BackOff,
    /// When the last failure was logged.
    logged: Option<Instant>,
    /// The failures since then.
    left_out: u64,
}

impl Recovery {
    pub fn may_open(&self, now: Instant) -> bool {
        self.opening.is_over(now)
    }

    pub fn may_write(&self, now: Instant) -> bool {
        self.writing.is_over(now)
    }

    /// Notes a failed transaction. Returns whether to log it, with the number of failures that were not logged.
    pub fn failed(&mut self, now: Instant) -> Option<u64> {
        self.writing.begin(now);
        self.log(now)
    }

    /// Notes that the file could not be opened. Returns the same as [`failed`](Self::failed).
    pub fn not_opened(&mut self, now: Instant) -> Option<u64> {
        self.opening.begin(now);
        self.log(now)
    }

    pub fn opened(&mut self) {
        self.opening = BackOff::default();
    }

    /// Notes a change that is on the disk. Returns whether the store had failed before.
    pub fn end(&mut self) -> bool {
        let had_failed = self.writing.until.is_some();
        if had_failed {
            *self = Self::default();
        }
        had_failed
    }

    fn log(&mut self, now: Instant) -> Option<u64> {
        let is_due = self
            .logged
            .is_none_or(|logged| now.saturating_duration_since(logged) >= LOG_INTERVAL);
        match is_due {
            true => {
                self.logged = Some(now);
                Some(std::mem::take(&mut self.left_out))
            }
            false => {
                self.left_out += 1;
                None
            }
        }
    }
}

/// A wait that doubles with each failure.
#[derive(Debug, Default)]
struct BackOff {
    /// None before the first failure.
    until: Option<Instant>,
    wait: Duration,
}

impl BackOff {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    fn begin(&mut self, now: Instant) {
        self.wait = (self.wait * 2).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        self.until = now.checked_add(self.wait);
    }
}

const SHORTEST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The least time between two lines of the log about the same store.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_after_each_failure_until_a_change_succeeds() {
        let mut recovery = Recovery::default();
        let mut now = Instant::now();
        assert!(recovery.may_write(now) && !recovery.end());
        let mut waits = Vec::new();
        for _ in 0..8 {
            recovery.failed(now);
            assert!(!recovery.may_write(now) && recovery.may_open(now));
            let begin = now;
            while !recovery.may_write(now) {
                now += SHORTEST_WAIT;
            }
            waits.push((now - begin).as_millis());
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert!(recovery.end() && !recovery.end());
        recovery.failed(now);
        assert!(recovery.may_write(now + SHORTEST_WAIT));
    }

    #[test]
    fn logs_a_failure_and_counts_those_soon_after_it() {
        let mut recovery = Recovery::default();
        let now = Instant::now();
        assert_eq!(recovery.failed(now), Some(0));
        for _ in 0..3 {
            assert_eq!(recovery.not_opened(now), None);
        }
        assert_eq!(recovery.failed(now + LOG_INTERVAL), Some(3));
    }
}
