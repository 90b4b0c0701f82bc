//! Conditional requests (RFC 9110, section 13), in the order of section 13.2.2.

use crate::date;
use crate::etag::{Comparison, ETag};
use crate::request::Conditions;

/// The validators of a file (RFC 9110, section 8.8).
#[derive(Debug)]
pub struct Validators {
    pub etag: ETag,
    /// The modification time in seconds since 1970-01-01 00:00 UTC; None if it is unknown.
    pub modified: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answer as without conditions.
    Proceed,
    /// 304
    NotModified,
    /// 412
    Failed,
}

impl Validators {
    /// Evaluates the conditions of a GET or HEAD. An invalid date is ignored, and so is any date if the modification time
    /// is unknown (sections 13.1.3 and 13.1.4).
    pub fn evaluate(&self, conditions: &Conditions) -> Verdict {
        if let Some(tags) = &conditions.if_match {
            if !self.etag.is_listed(tags, Comparison::Strong) {
                return Verdict::Failed;
            }
        } else if self.is_modified_since(conditions.if_unmodified_since.as_deref()) == Some(true) {
            return Verdict::Failed;
        }
        if let Some(tags) = &conditions.if_none_match {
            if self.etag.is_listed(tags, Comparison::Weak) {
                return Verdict::NotModified;
            }
        } else if self.is_modified_since(conditions.if_modified_since.as_deref()) == Some(false) {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }

    /// Whether a Range may be answered with a part (section 13.1.5): there is no If-Range, or it has the strong tag or the
    /// exact date of this file.
    pub fn allow_range(&self, conditions: &Conditions) -> bool {
        match conditions.if_range.as_deref() {
            None => true,
            Some(value) if value == self.etag.as_str().as_bytes() => true,
            Some(value) => self.modified.is_some() && date::parse(value) == self.modified,
        }
    }

    fn is_modified_since(&self, date: Option<&[u8]>) -> Option<bool> {
        Some(self.modified? > date::parse(date?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Kind, Stat, Time};
    use crate::request::Field;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn validators(modified: Option<i64>) -> Validators {
        let time = Time {
            seconds: 784_111_777,
            nanoseconds: 5,
        };
        let stat = Stat {
            kind: Kind::File,
            size: 4,
            modified: Some(time),
            changed: None,
        };
        Validators {
            etag: ETag::of(&stat, None),
            modified,
        }
    }

    fn fields(lines: &[(&str, &str)]) -> Vec<Field> {
        let tag = validators(None).etag;
        let value = |value: &str| value.replace("TAG", tag.as_str()).into_bytes();
        lines
            .iter()
            .map(|(name, text)| ((*name).into(), value(text)))
            .collect()
    }

    #[test]
    fn evaluates_conditions_in_order() {
        use Verdict::*;
        let cases: &[(&[(&str, &str)], Verdict)] = &[
            (&[], Proceed),
            (&[("if-none-match", "TAG")], NotModified),
            (&[("if-none-match", "W/TAG")], NotModified),
            (&[("if-none-match", "\"x\", TAG")], NotModified),
            (
                &[("if-none-match", "\"x\""), ("if-none-match", "TAG")],
                NotModified,
            ),
            (&[("if-none-match", "*")], NotModified),
            (&[("if-none-match", "\"x\"")], Proceed),
            (&[("if-none-match", "TAG x")], Proceed),
            (&[("if-modified-since", SAME)], NotModified),
            (&[("if-modified-since", AFTER)], NotModified),
            (&[("if-modified-since", BEFORE)], Proceed),
            (
                &[("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")],
                NotModified,
            ),
            (&[("if-modified-since", "foo")], Proceed),
            (
                &[("if-modified-since", SAME), ("if-modified-since", SAME)],
                Proceed,
            ),
            (
                &[("if-none-match", "\"x\""), ("if-modified-since", SAME)],
                Proceed,
            ),
            (
                &[("if-none-match", "malformed"), ("if-modified-since", SAME)],
                Proceed,
            ),
            (
                &[("if-none-match", "TAG"), ("if-modified-since", BEFORE)],
                NotModified,
            ),
            (&[("if-match", "TAG")], Proceed),
            (&[("if-match", "*")], Proceed),
            (&[("if-match", "\"foo\", \"bar\", TAG")], Proceed),
            (&[("if-match", "W/TAG")], Failed),
            (&[("if-match", " \"foo\", \"bar\" ")], Failed),
            (&[("if-match", "")], Failed),
            (&[("if-unmodified-since", SAME)], Proceed),
            (&[("if-unmodified-since", AFTER)], Proceed),
            (&[("if-unmodified-since", BEFORE)], Failed),
            (
                &[("if-unmodified-since", "Wed, 31 Dec 1969 23:59:59 GMT")],
                Failed,
            ),
            (&[("if-unmodified-since", "foo")], Proceed),
            (
                &[("if-match", "TAG"), ("if-unmodified-since", BEFORE)],
                Proceed,
            ),
            (
                &[("if-match", "TAG"), ("if-none-match", "TAG")],
                NotModified,
            ),
            (&[("if-match", "\"x\""), ("if-none-match", "TAG")], Failed),
        ];
        for (lines, expected) in cases {
            let fields = fields(lines);
            let verdict = validators(Some(784_111_777)).evaluate(&Conditions::of(&fields));
            assert_eq!(verdict, *expected, "{lines:?}");
        }
    }

    #[test]
    fn ignores_dates_if_the_modification_time_is_unknown() {
        for name in ["if-modified-since", "if-unmodified-since"] {
            for date in [BEFORE, AFTER] {
                let fields = fields(&[(name, date)]);
                assert_eq!(
                    validators(None).evaluate(&Conditions::of(&fields)),
                    Verdict::Proceed,
                    "{name} {date}"
                );
            }
        }
    }

    #[test]
    fn allows_a_range_by_if_range() {
        for (value, expected) in [
            ("TAG", true),
            (SAME, true),
            ("Sunday, 06-Nov-94 08:49:37 GMT", true),
            ("W/TAG", false),
            ("\"x\"", false),
            ("TAG, TAG", false),
            (BEFORE, false),
            (AFTER, false),
            ("*", false),
            ("foo", false),
        ] {
            let fields = fields(&[("if-range", value)]);
            assert_eq!(
                validators(Some(784_111_777)).allow_range(&Conditions::of(&fields)),
                expected,
                "{value}"
            );
        }
        assert!(validators(None).allow_range(&Conditions::default()));
        let fields = fields(&[("if-range", "foo")]);
        assert!(
            !validators(None).allow_range(&Conditions::of(&fields)),
            "an unknown time equals no date"
        );
    }
}
