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

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}
