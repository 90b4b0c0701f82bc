//! Percent-encoding (RFC 3986, section 2.1), as needed to compare paths.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Normalizes a segment, so that equivalent segments compare equal (RFC 3986, section 6.2.2): escapes of unreserved
/// characters are decoded, all others get upper-case digits. `%2F` stays an escape, because it is not a separator.
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

/// Escapes all bytes except those for which `stays` holds.
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

/// Decodes the two hexadecimal digits at the beginning of `text`, and returns the rest with the byte.
pub(super) fn escaped(text: &str) -> Option<(u8, &str)> {
    let (digits, after) = text.split_at_checked(2)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    Some((u8::from_str_radix(digits, 16).ok()?, after))
}

/// Whether a byte may stand unescaped in a segment (`pchar`, RFC 3986, section 3.3).
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
    fn normalizes_equivalent_segments_to_one_form() {
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
