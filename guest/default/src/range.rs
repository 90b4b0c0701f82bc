//! Range requests (RFC 9110, section 14).

use crate::text::{decimal, list};
use alloc::vec::Vec;

/// Bytes `offset` to `offset + length` of a file; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub offset: u64,
    pub length: u64,
}

/// The part of a file that a Range field selects.
#[derive(Debug, PartialEq, Eq)]
pub enum Selection {
    /// The whole file: the field is malformed, has an unknown unit, or is too costly.
    Whole,
    One(Span),
    /// Two or more spans in the order of the request. They do not overlap.
    Several(Vec<Span>),
    /// 416: no range begins within the file.
    Unsatisfiable,
}

impl Selection {
    /// Parses a Range field for a file of `size` bytes.
    pub fn parse(field: &[u8], size: u64) -> Selection {
        let Some(set) = ranges_of_bytes(field) else {
            return Selection::Whole;
        };
        if size == 0 {
            return Selection::Whole;
        }
        let mut spans: Vec<Span> = Vec::new();
        let mut is_empty = true;
        for (count, range) in list(set).enumerate() {
            let Some(span) = Range::parse(range) else {
                return Selection::Whole;
            };
            if count == MOST_RANGES {
                return Selection::Whole;
            }
            is_empty = false;
            match (span.within(size), spans.last_mut()) {
                (None, _) => {}
                // Adjacent ranges become one (section 15.3.7.2).
                (Some(next), Some(last)) if last.end() == next.offset => last.length += next.length,
                (Some(next), _) => spans.push(next),
            }
        }
        match spans.as_slice() {
            [] if is_empty => Selection::Whole,
            [] => Selection::Unsatisfiable,
            [span] => Selection::One(*span),
            _ if overlap(&spans) || total(&spans) > MOST_BYTES => Selection::Whole,
            _ => Selection::Several(spans),
        }
    }
}

impl Span {
    fn end(self) -> u64 {
        self.offset + self.length
    }
}

/// A range, independent of the file's size.
#[derive(Clone, Copy)]
enum Range {
    /// From the first to the last position, both included.
    Between(u64, u64),
    /// This many bytes at the end.
    Last(u64),
}

impl Range {
    fn parse(range: &[u8]) -> Option<Range> {
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let (first, [_, last @ ..]) = range.split_at_checked(dash)? else {
            return None;
        };
        if first.is_empty() {
            return decimal(last).map(Range::Last);
        }
        let first = decimal(first)?;
        let last = if last.is_empty() {
            u64::MAX
        } else {
            decimal(last)?
        };
        (first <= last).then_some(Range::Between(first, last))
    }

    /// The part of the range that exists; None if there is none.
    fn within(self, size: u64) -> Option<Span> {
        let (first, end) = match self {
            Range::Between(first, last) => (first, last.saturating_add(1).min(size)),
            Range::Last(length) => (size.saturating_sub(length), size),
        };
        (first < end).then(|| Span {
            offset: first,
            length: end - first,
        })
    }
}

/// The text after `bytes=`. Units are case-insensitive (section 14.1).
fn ranges_of_bytes(field: &[u8]) -> Option<&[u8]> {
    let (unit, set) = field.split_at_checked(6)?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(set)
}

fn overlap(spans: &[Span]) -> bool {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable_by_key(|span| span.offset);
    sorted
        .iter()
        .zip(sorted.iter().skip(1))
        .any(|(before, after)| before.end() > after.offset)
}

fn total(spans: &[Span]) -> u64 {
    spans.iter().map(|span| span.length).sum()
}

/// Section 14.2 lets a server ignore a field with many ranges. Clients that read a file send fewer.
const MOST_RANGES: usize = 64;

/// The most that several ranges may take of the guest's memory, in bytes.
const MOST_BYTES: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections() {
        use Selection::*;
        let one = |offset, length| One(Span { offset, length });
        let several = |spans: &[(u64, u64)]| {
            Several(
                spans
                    .iter()
                    .map(|(offset, length)| Span {
                        offset: *offset,
                        length: *length,
                    })
                    .collect(),
            )
        };
        for (field, size, expected) in [
            ("bytes=0-4", 9, one(0, 5)),
            ("bytes=0-0", 9, one(0, 1)),
            ("bytes=3-", 9, one(3, 6)),
            ("bytes=-3", 9, one(6, 3)),
            ("bytes=-50", 9, one(0, 9)),
            ("bytes=2-50", 9, one(2, 7)),
            ("bytes=8-8", 9, one(8, 1)),
            ("bytes= 0-4 ", 9, one(0, 5)),
            ("Bytes=0-4", 9, one(0, 5)),
            ("bytes=0-18446744073709551615", 9, one(0, 9)),
            ("bytes=1-99999999999999999999999", 9, one(1, 8)),
            (
                "bytes=5000000000-5000000001",
                6_000_000_000,
                one(5_000_000_000, 2),
            ),
            ("bytes=9-", 9, Unsatisfiable),
            ("bytes=9-50", 9, Unsatisfiable),
            ("bytes=-0", 9, Unsatisfiable),
            ("bytes=99999999999999999999999-", 9, Unsatisfiable),
            ("bytes=20-30,40-50", 9, Unsatisfiable),
            ("bytes=0-1,4-5", 9, several(&[(0, 2), (4, 2)])),
            ("bytes=4-5, 0-1", 9, several(&[(4, 2), (0, 2)])),
            ("bytes=0-0,-1", 9, several(&[(0, 1), (8, 1)])),
            ("bytes=1-1,3-", 9, several(&[(1, 1), (3, 6)])),
            ("bytes=,0-1,,4-5,", 9, several(&[(0, 2), (4, 2)])),
            ("bytes=0-1,20-30", 9, one(0, 2)),
            ("bytes=1-2,3-5", 9, one(1, 5)),
            ("bytes=0-4,2-6", 9, Whole),
            ("bytes=0-,0-", 9, Whole),
            ("bytes=2-6,0-4", 9, Whole),
            ("bytes=0-0,-9", 9, Whole),
            ("bytes=0-4194303,5000000-5000000", 6_000_000, Whole),
            ("bytes=0-4", 0, Whole),
            ("bytes=-5", 0, Whole),
            ("items=0-4", 9, Whole),
            ("bytes", 9, Whole),
            ("bytes=", 9, Whole),
            ("bytes=,", 9, Whole),
            ("bytes=-", 9, Whole),
            ("bytes=4-2", 9, Whole),
            ("bytes=a-b", 9, Whole),
            ("bytes=0 - 4", 9, Whole),
            ("bytes=+0-4", 9, Whole),
            ("bytes=0-4-5", 9, Whole),
            ("bytes=--5", 9, Whole),
            ("bytes=0-1,x", 9, Whole),
            ("bytes =0-4", 9, Whole),
            ("bytes=0-1, bytes=4-5", 9, Whole),
            ("asdf", 9, Whole),
            ("", 9, Whole),
        ] {
            assert_eq!(
                Selection::parse(field.as_bytes(), size),
                expected,
                "{field} of {size}"
            );
        }
    }

    #[test]
    fn too_many_ranges() {
        let field = |count: u64| {
            let ranges: Vec<_> = (0..count)
                .map(|range| format!("{0}-{0}", range * 2))
                .collect();
            format!("bytes={}", ranges.join(","))
        };
        let parsed = Selection::parse(field(64).as_bytes(), 1000);
        assert!(matches!(parsed, Selection::Several(spans) if spans.len() == 64));
        assert_eq!(
            Selection::parse(field(65).as_bytes(), 1000),
            Selection::Whole
        );
    }
}
