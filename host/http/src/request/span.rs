//! Ranges of the bytes of a head.

use std::ops::Range;

/// A range of a head's bytes. It is half the size of a `Range<usize>`, and `Copy`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        // Heads are at most 1 MiB long: see `Limits::max_head`.
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The range of `part` in `whole`, of which it must be a slice.
    pub(crate) fn of(part: &[u8], whole: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        Self::new(start, start.wrapping_add(part.len()))
    }

    pub(crate) fn shifted(self, by: u32) -> Self {
        Self {
            start: self.start + by,
            end: self.end + by,
        }
    }

    /// The range without its first `count` bytes. Empty if it has no more.
    pub(crate) fn without_first(self, count: usize) -> Self {
        let start = self
            .start
            .saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        Self {
            start: start.min(self.end),
            end: self.end,
        }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}
