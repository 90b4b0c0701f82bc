//! Shares: what an account uses of its parent's memory, and the part that the parent guarantees to it.

use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that an account uses, and the bytes that are guaranteed to it. The parent counts the greater of the two.
///
/// Both are in one word, so that every change is a single step. The differences that the steps return then always add up to
/// what the parent counts, in whatever order threads make them.
#[derive(Debug, Default)]
pub(super) struct Share(AtomicU64);

impl Share {
    /// Adds to what is used, unless that exceeds the limit. Returns what the parent counts more.
    pub fn add(&self, amount: u64, limit: u64) -> Option<u64> {
        let most = limit.min(USED);
        let sum = |word: u64| {
            let sum = used(word).checked_add(amount);
            sum.filter(|sum| *sum <= most).map(|_| word + amount)
        };
        let (set, read) = (Ordering::Relaxed, Ordering::Relaxed);
        let before = self.0.fetch_update(set, read, sum).ok()?;
        Some(counted(before + amount) - counted(before))
    }

    /// Subtracts an amount that was added. Returns what the parent counts less.
    pub fn subtract(&self, amount: u64) -> u64 {
        let before = self.0.fetch_sub(amount, Ordering::Relaxed);
        counted(before) - counted(before - amount)
    }

    /// Sets the guaranteed part. Returns what the parent counted before, and what it counts now.
    pub fn guarantee(&self, bytes: u64) -> (u64, u64) {
        let units = (bytes / UNIT).min(MOST_UNITS);
        let (set, read) = (Ordering::Relaxed, Ordering::Relaxed);
        let replaced = |word| Some(used(word) | (units << USED_BITS));
        let before = match self.0.fetch_update(set, read, replaced) {
            Ok(before) | Err(before) => before,
        };
        (
            counted(before),
            counted(used(before) | (units << USED_BITS)),
        )
    }

    /// What the parent counts.
    pub fn counted(&self) -> u64 {
        counted(self.0.load(Ordering::Relaxed))
    }

    /// The amount used now.
    pub fn used(&self) -> u64 {
        used(self.0.load(Ordering::Relaxed))
    }
}

fn used(word: u64) -> u64 {
    word & USED
}

fn counted(word: u64) -> u64 {
    used(word).max((word >> USED_BITS) * UNIT)
}

/// The low bits are the bytes in use, up to 16 TiB. The high bits are the guaranteed part, up to 64 GiB.
const USED_BITS: u32 = 44;
const USED: u64 = (1 << USED_BITS) - 1;
const MOST_UNITS: u64 = u64::MAX >> USED_BITS;

/// The unit of the guaranteed part: a page of WebAssembly.
const UNIT: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_counts_the_greater_of_use_and_guarantee() {
        let share = Share::default();
        assert_eq!(share.guarantee(10 * UNIT + 1), (0, 10 * UNIT));
        assert_eq!(share.add(7 * UNIT, u64::MAX), Some(0));
        assert_eq!(share.add(5 * UNIT, u64::MAX), Some(2 * UNIT));
        assert_eq!(share.guarantee(11 * UNIT), (12 * UNIT, 12 * UNIT));
        assert_eq!(share.subtract(3 * UNIT), UNIT);
        assert_eq!(share.guarantee(0), (11 * UNIT, 9 * UNIT));
        assert_eq!(share.subtract(9 * UNIT), 9 * UNIT);
        assert_eq!((share.used(), share.counted()), (0, 0));
    }

    #[test]
    fn refuses_more_than_the_limit() {
        let share = Share::default();
        share.guarantee(u64::MAX);
        assert_eq!(share.counted(), MOST_UNITS * UNIT);
        for (amount, limit, fits) in [
            (100, 99, false),
            (100, 100, true),
            (1, 100, false),
            (u64::MAX, u64::MAX, false),
            (USED, u64::MAX, false),
            (USED - 100, u64::MAX, true),
        ] {
            assert_eq!(
                share.add(amount, limit).is_some(),
                fits,
                "{amount} of {limit}"
            );
        }
        assert_eq!(share.used(), USED);
    }
}
