//! Percent-encoding (RFC 3986, section 2.1), as far as paths are compared by it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The same segment in the one form that equivalent ones share (RFC 3986, section 6.2.2): unreserved characters as
/// they are, all other escapes with capital digits. `%2F` stays an escape: it is no separator.
pub(super) fn normalized(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let mut text = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        rest = match escaped(after) {
            Some((byte, after)) if is_unreserved(byte) => {
                text.push(char::from(byte));
                after
            }
            Some((byte, after)) => {
                escape(byte, &mut text);
                after
            }
            None => {
                text.push('%');
                after
            }
        };
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The text with all bytes escaped but those for which `stays` holds.
pub(super) fn encoded(text: &str, stays: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii() && stays(byte) {
            true => encoded.push(char::from(byte)),
            false => escape(byte, &mut encoded),
        }
    }
    encoded
}

/// The byte that the two digits at the beginning stand for, and what follows them.
pub(super) fn escaped(text: &str) -> Option<(u8, &str)> {
    let (digits, after) = text.split_at_checked(2)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    Some((u8::from_str_radix(digits, 16).ok()?, after))
}

/// Whether a byte may stand in a segment as it is (RFC 3986, section 3.3: `pchar`).
pub(super) fn is_segment_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn escape(byte: u8, text: &mut String) {
    // Writing to a string does not fail.
    let _ = write!(text, "%{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_segments_have_one_form() {
        for (segment, form) in [
            ("users", "users"),
            ("%75sers", "users"),
            ("%7euser", "~user"),
            ("a%2fb", "a%2Fb"),
            ("%c3%bc", "%C3%BC"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%%41", "%A"),
            ("%2541", "%2541"),
        ] {
            assert_eq!(normalized(segment), form, "{segment}");
        }
    }
}
