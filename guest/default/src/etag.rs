//! Entity tags (RFC 9110, section 8.8.3).

use crate::coding::Coding;
use crate::files::{Stat, Time};
use crate::text::push_hex;
use alloc::string::String;

/// A strong entity tag, with its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

/// How two tags are compared (RFC 9110, section 8.8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Strong,
    Weak,
}

impl ETag {
    /// The tag of a file: its modification time in nanoseconds, its size and its coding. Nothing in it depends on the
    /// machine, so copies with the same times have the same tags.
    ///
    /// Reproducible archives set the modification time to 0. The size alone would not tell two releases apart, so the
    /// time of the last status change takes its place.
    pub fn of(stat: &Stat, coding: Option<Coding>) -> ETag {
        let time = stat
            .modified
            .filter(|time| *time != EPOCH)
            .or(stat.changed)
            .unwrap_or(EPOCH);
        let mut tag = String::with_capacity(40);
        tag.push('"');
        push_hex(&mut tag, time.seconds);
        tag.push('.');
        push_hex(&mut tag, u64::from(time.nanoseconds));
        tag.push('-');
        push_hex(&mut tag, stat.size);
        if let Some(coding) = coding {
            tag.push('-');
            tag.push_str(coding.name());
        }
        tag.push('"');
        ETag(tag)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an If-Match or If-None-Match field contains the tag or is `*`.
    ///
    /// A malformed field matches nothing. That is the harmless mistake: the client gets the whole file once more, or a
    /// 412.
    pub fn is_listed(&self, field: &[u8], comparison: Comparison) -> bool {
        if field.trim_ascii() == b"*" {
            return true;
        }
        let mut found = false;
        let mut rest = field;
        loop {
            while let [b' ' | b'\t' | b',', tail @ ..] = rest {
                rest = tail;
            }
            if rest.is_empty() {
                return found;
            }
            let strong = rest.strip_prefix(b"W/");
            let Some((opaque, tail)) = quoted(strong.unwrap_or(rest)) else {
                return false;
            };
            let may_match = strong.is_none() || comparison == Comparison::Weak;
            found |= may_match && opaque == self.0.as_bytes();
            rest = tail;
            while let [b' ' | b'\t', tail @ ..] = rest {
                rest = tail;
            }
            if !matches!(rest, [] | [b',', ..]) {
                return false;
            }
        }
    }
}

/// Splits off a quoted tag, with its quotes.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let [b'"', rest @ ..] = text else { return None };
    let length = rest.iter().position(|byte| *byte == b'"')?;
    let (opaque, tail) = text.split_at_checked(length + 2)?;
    let is_valid = rest
        .iter()
        .take(length)
        .all(|byte| matches!(byte, 0x21..=0x7e | 0x80..));
    is_valid.then_some((opaque, tail))
}

const EPOCH: Time = Time {
    seconds: 0,
    nanoseconds: 0,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Kind;

    fn stat(seconds: u64, nanoseconds: u32, size: u64) -> Stat {
        let time = Time {
            seconds,
            nanoseconds,
        };
        Stat {
            kind: Kind::File,
            size,
            modified: Some(time),
            changed: Some(Time {
                seconds: 7,
                nanoseconds: 8,
            }),
        }
    }

    #[test]
    fn tags() {
        for (stat, coding, expected) in [
            (stat(16, 255, 10), None, "\"10.ff-a\""),
            (stat(16, 255, 10), Some(Coding::Brotli), "\"10.ff-a-br\""),
            (stat(16, 255, 10), Some(Coding::Gzip), "\"10.ff-a-gzip\""),
            (stat(0, 0, 10), None, "\"7.8-a\""),
            (
                Stat {
                    modified: None,
                    changed: None,
                    ..stat(0, 0, 10)
                },
                None,
                "\"0.0-a\"",
            ),
        ] {
            assert_eq!(ETag::of(&stat, coding).as_str(), expected);
        }
    }

    #[test]
    fn lists() {
        let tag = ETag("\"abc\"".into());
        for (field, strong, weak) in [
            ("\"abc\"", true, true),
            ("*", true, true),
            (" * ", true, true),
            ("W/\"abc\"", false, true),
            ("\"x\", \"abc\"", true, true),
            ("\"x\",\"abc\",\"y\"", true, true),
            (",, \"abc\" ,", true, true),
            ("\"x,y\", W/\"abc\"", false, true),
            ("\"\", \"abc\"", true, true),
            ("\"x\", \"y\"", false, false),
            ("", false, false),
            ("abc", false, false),
            ("\"abc", false, false),
            ("abc\"", false, false),
            ("w/\"abc\"", false, false),
            ("W/ \"abc\"", false, false),
            ("\"abc\" \"x\"", false, false),
            ("\"abc\", x", false, false),
            ("x, \"abc\"", false, false),
            ("\"abc\", *", false, false),
            ("\"a bc\", \"abc\"", false, false),
            ("\"ABC\"", false, false),
            ("\"abcd\"", false, false),
        ] {
            assert_eq!(
                tag.is_listed(field.as_bytes(), Comparison::Strong),
                strong,
                "strong {field}"
            );
            assert_eq!(
                tag.is_listed(field.as_bytes(), Comparison::Weak),
                weak,
                "weak {field}"
            );
        }
    }
}
