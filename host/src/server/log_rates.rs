//! Bounds how much of the log each kind of line may take, and counts the lines that are left out.
//!
//! Without a bound, a client or a handler could fill a disk with lines about its failures.

use std::borrow::Cow;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use belljar_http::Rate;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// Lines that say the same about the same handler.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LineKind {
    pub message: Cow<'static, str>,
    pub handler: Option<String>,
}

/// What a line uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineCost {
    /// A number of lines that a client or a handler caused. A long line counts as several.
    Lines(u32),
    /// A number of lines about the server itself, which have a hundred times the rate.
    ServerLines(u32),
    /// Bytes of a handler's output.
    Output(u32),
}

/// Lines of one kind that were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub handler: Option<String>,
    pub lines: u64,
    /// The text of one of them.
    pub example: String,
}

/// The rates of all kinds of lines.
pub(super) struct LogRates<C: Clock = DefaultClock> {
    kinds: Mutex<Kinds<C>>,
    clock: C,
    has_left_out: AtomicBool,
}

struct Kinds<C: Clock> {
    lines: Rate,
    output: u32,
    buckets: HashMap<LineKind, Bucket<C>>,
}

struct Bucket<C: Clock> {
    limiter: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
    most: u32,
    left_out: u64,
    example: String,
}

impl LogRates {
    pub fn new() -> Self {
        Self::by(DefaultClock::default())
    }
}

impl<C: Clock + Clone> LogRates<C> {
    fn by(clock: C) -> Self {
        Self {
            kinds: Mutex::new(Kinds {
                lines: DEFAULT_RATE,
                output: DEFAULT_OUTPUT,
                buckets: HashMap::new(),
            }),
            clock,
            has_left_out: AtomicBool::new(false),
        }
    }

    /// Sets the rate of each kind of line, and the bytes per second of each handler's output.
    pub fn set(&self, lines: Rate, output: u32) {
        let mut kinds = self.lock();
        (kinds.lines, kinds.output) = (lines, output);
        kinds.buckets.retain(|_, bucket| bucket.left_out > 0);
    }

    /// Whether a line may be written now. If not, it is counted; `example` gives its text.
    pub fn admit(&self, kind: LineKind, cost: LineCost, example: impl FnOnce() -> String) -> bool {
        let mut kinds = self.lock();
        let bucket = kinds.bucket(kind, cost, &self.clock);
        if bucket.take(cost) {
            return true;
        }
        if bucket.left_out == 0 {
            bucket.example = example();
        }
        bucket.left_out += 1;
        self.has_left_out.store(true, Ordering::Relaxed);
        false
    }

    /// Whether lines were left out since the last [`take_left_out`](Self::take_left_out).
    pub fn has_left_out(&self) -> bool {
        self.has_left_out.load(Ordering::Relaxed)
    }

    /// The lines that were left out, one entry for each kind.
    pub fn take_left_out(&self) -> Vec<LeftOut> {
        let mut kinds = self.lock();
        self.has_left_out.store(false, Ordering::Relaxed);
        let buckets = kinds.buckets.iter_mut();
        let mut taken: Vec<_> = buckets
            .filter(|(_, bucket)| bucket.left_out > 0)
            .map(|(kind, bucket)| LeftOut {
                handler: kind.handler.clone(),
                lines: std::mem::take(&mut bucket.left_out),
                example: std::mem::take(&mut bucket.example),
            })
            .collect();
        taken.sort_by_key(|left_out| std::cmp::Reverse(left_out.lines));
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Kinds<C>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clock + Clone> Kinds<C> {
    fn bucket(&mut self, mut kind: LineKind, cost: LineCost, clock: &C) -> &mut Bucket<C> {
        if self.buckets.len() >= MAX_KINDS && !self.buckets.contains_key(&kind) {
            self.buckets.retain(|_, bucket| bucket.left_out > 0);
            if self.buckets.len() >= MAX_KINDS {
                kind.handler = None;
                kind.message = Cow::Borrowed("others");
            }
        }
        let (lines, output) = (self.lines, self.output);
        self.buckets.entry(kind).or_insert_with(|| {
            let (interval, most) = match cost {
                LineCost::Lines(_) => (lines.per / lines.requests.max(1), lines.burst),
                LineCost::ServerLines(_) => (
                    lines.per / lines.requests.max(1).saturating_mul(SERVER),
                    lines.burst.saturating_mul(SERVER),
                ),
                LineCost::Output(_) => (
                    Duration::from_secs(1) / output.max(1),
                    output.saturating_mul(OUTPUT_BURST),
                ),
            };
            Bucket::new(interval, most, clock.clone())
        })
    }
}

impl<C: Clock> Bucket<C> {
    fn new(interval: Duration, most: u32, clock: C) -> Self {
        let interval = interval.clamp(Duration::from_nanos(1), LONGEST);
        // governor counts the content of a bucket in nanoseconds of a u64.
        let fits = u32::try_from(LONGEST.as_nanos() / interval.as_nanos()).unwrap_or(u32::MAX);
        let most = NonZeroU32::new(most.min(fits)).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(interval).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let limiter = RateLimiter::direct_with_clock(quota.allow_burst(most), clock);
        Self {
            limiter,
            most: most.get(),
            left_out: 0,
            example: String::new(),
        }
    }

    fn take(&self, cost: LineCost) -> bool {
        let (LineCost::Lines(amount) | LineCost::ServerLines(amount) | LineCost::Output(amount)) =
            cost;
        let amount = NonZeroU32::new(amount.min(self.most)).unwrap_or(NonZeroU32::MIN);
        matches!(self.limiter.check_n(amount), Ok(Ok(())))
    }
}

/// The rates before the settings are read.
const DEFAULT_RATE: Rate = Rate {
    requests: 10,
    per: Duration::from_secs(1),
    burst: 100,
};
const DEFAULT_OUTPUT: u32 = 64 << 10;

/// A burst of output may have the bytes of this many seconds.
const OUTPUT_BURST: u32 = 16;

/// Lines about the server itself have this many times the rate.
const SERVER: u32 = 100;

/// The maximum number of kinds that are counted apart. Both handlers and messages are the operator's, so that this is
/// hardly ever reached.
const MAX_KINDS: usize = 10_000;

/// The longest time in which a bucket fills.
const LONGEST: Duration = Duration::from_secs(1 << 32);

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn kind(message: &'static str, handler: &str) -> LineKind {
        LineKind {
            message: message.into(),
            handler: Some(handler.to_owned()),
        }
    }

    fn rates() -> (LogRates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let rates = LogRates::by(clock.clone());
        let lines = Rate {
            requests: 2,
            per: Duration::from_secs(1),
            burst: 5,
        };
        rates.set(lines, 1000);
        (rates, clock)
    }

    /// How many of a hundred lines are admitted.
    fn admitted(rates: &LogRates<FakeRelativeClock>, kind: &LineKind, cost: LineCost) -> usize {
        let admit = |_: &usize| rates.admit(kind.clone(), cost, || "text".to_owned());
        (0..100).filter(admit).count()
    }

    #[test]
    fn bounds_each_kind_of_line_of_each_handler() {
        let (rates, clock) = rates();
        let line = LineCost::Lines(1);
        for kind in [kind("a", "x"), kind("a", "y"), kind("b", "x")] {
            assert_eq!(admitted(&rates, &kind, line), 5);
        }
        clock.advance(Duration::from_secs(1));
        assert_eq!(admitted(&rates, &kind("a", "x"), line), 2);
        let server = LineCost::ServerLines(10);
        assert_eq!(admitted(&rates, &kind("c", "x"), server), 50);
        assert_eq!(admitted(&rates, &kind("d", "x"), LineCost::Lines(3)), 1);
        assert_eq!(admitted(&rates, &kind("e", "x"), LineCost::Lines(1000)), 1);
    }

    #[test]
    fn bounds_the_bytes_of_output() {
        let (rates, clock) = rates();
        let output = kind("output", "x");
        assert_eq!(admitted(&rates, &output, LineCost::Output(500)), 32);
        clock.advance(Duration::from_secs(2));
        assert_eq!(admitted(&rates, &output, LineCost::Output(500)), 4);
    }

    #[test]
    fn counts_what_is_left_out() {
        let (rates, _) = rates();
        assert_eq!(admitted(&rates, &kind("a", "x"), LineCost::Lines(1)), 5);
        assert_eq!(admitted(&rates, &kind("b", "y"), LineCost::Lines(2)), 2);
        assert!(rates.has_left_out());
        let left_out = |handler: &str, lines| LeftOut {
            handler: Some(handler.to_owned()),
            lines,
            example: "text".to_owned(),
        };
        let expected = [left_out("y", 98), left_out("x", 95)];
        assert_eq!(rates.take_left_out(), expected);
        assert!(!rates.has_left_out() && rates.take_left_out().is_empty());
    }

    #[test]
    fn bounds_the_number_of_kinds() {
        let (rates, _) = rates();
        for number in 0..2 * MAX_KINDS {
            let kind = kind("a", &number.to_string());
            rates.admit(kind, LineCost::Lines(9), String::new);
        }
        assert!(rates.lock().buckets.len() <= MAX_KINDS);
    }
}
