//! Formatting and parsing without `core::fmt`, whose code is larger than the rest of the guest.

use alloc::string::String;

pub fn push_decimal(into: &mut String, number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    into.extend(digits[start..].iter().copied().map(char::from));
}

/// Appends a number in lower-case hexadecimal, without leading zeros.
pub fn push_hex(into: &mut String, number: u64) {
    let digits = (64 - (number | 1).leading_zeros()).div_ceil(4);
    for digit in (0..digits).rev() {
        into.push(char::from(
            HEX[(number >> (4 * digit)) as usize & 15].to_ascii_lowercase(),
        ));
    }
}

/// Appends `%XX` for a byte, in upper case (RFC 3986, section 2.1).
pub fn push_percent_encoded(into: &mut String, byte: u8) {
    into.push('%');
    into.push(char::from(HEX[usize::from(byte >> 4)]));
    into.push(char::from(HEX[usize::from(byte & 15)]));
}

/// Appends text, escaped for HTML content and quoted attributes.
pub fn push_html(into: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            // HTML must not contain control characters, not even escaped.
            character if character.is_control() => into.push('\u{fffd}'),
            other => into.push(other),
        }
    }
}

/// The members of a comma-separated list, trimmed (RFC 9110, section 5.6.1).
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(trim)
        .filter(|member| !member.is_empty())
}

/// Removes leading and trailing spaces and tabs.
pub fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The weight among the parameters of a member such as `gzip;q=0.5`, in thousandths: 1000 if there is none, and None if it
/// is malformed (RFC 9110, section 12.4.2).
pub fn weight<'a>(parameters: impl Iterator<Item = &'a [u8]>) -> Option<u16> {
    for parameter in parameters.map(trim) {
        let [b'q' | b'Q', rest @ ..] = parameter else {
            continue;
        };
        // Spaces around the `=` are malformed, but a client that sends `gzip;q = 0` does not want gzip.
        let [b'=', digits @ ..] = trim(rest) else {
            continue;
        };
        return match digits {
            [whole @ (b'0' | b'1')] => Some(u16::from(*whole - b'0') * 1000),
            [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => {
                let mut thousandths = u16::from(*whole - b'0') * 1000;
                for (digit, place) in fraction.iter().zip([100, 10, 1]) {
                    if !digit.is_ascii_digit() {
                        return None;
                    }
                    thousandths += u16::from(*digit - b'0') * place;
                }
                (thousandths <= 1000).then_some(thousandths)
            }
            _ => None,
        };
    }
    Some(1000)
}

/// Parses decimal digits. None if there is anything else, or nothing. Numbers beyond 64 bits become the largest one.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let append = |number: u64, digit: &u8| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(*digit - b'0'))
    };
    Some(digits.iter().fold(0, append))
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_numbers() {
        for (number, decimal, hex) in [
            (0, "0", "0"),
            (9, "9", "9"),
            (16, "16", "10"),
            (255, "255", "ff"),
            (u64::MAX, "18446744073709551615", "ffffffffffffffff"),
        ] {
            let mut text = String::new();
            push_decimal(&mut text, number);
            text.push(' ');
            push_hex(&mut text, number);
            assert_eq!(text, format!("{decimal} {hex}"));
        }
    }

    #[test]
    fn parses_decimals() {
        for (text, expected) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("", None),
            ("+1", None),
            ("1 ", None),
            ("0x1", None),
        ] {
            assert_eq!(decimal(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn parses_weights() {
        for (parameters, expected) in [
            ("", Some(1000)),
            ("q=1", Some(1000)),
            ("q=0", Some(0)),
            (" q=0.5 ", Some(500)),
            ("Q=0.001", Some(1)),
            ("q=1.000", Some(1000)),
            ("q=0.", Some(0)),
            ("level=1;q=0.2", Some(200)),
            ("quiet=1;q=0.2", Some(200)),
            ("q =0.2", Some(200)),
            ("q = 0", None),
            ("q=1.1", None),
            ("q=2", None),
            ("q=", None),
            ("q=0.1234", None),
            ("q=0.x", None),
        ] {
            assert_eq!(
                weight(parameters.split(';').map(str::as_bytes)),
                expected,
                "{parameters}"
            );
        }
    }

    #[test]
    fn splits_lists() {
        let members: Vec<_> = list(b" a ,, b\t,c d, ").collect();
        assert_eq!(members, [&b"a"[..], b"b", b"c d"]);
    }

    #[test]
    fn escapes_html() {
        let mut text = String::new();
        push_html(&mut text, "<a href=\"x\">'&'</a> \u{1b}[m\n");
        assert_eq!(
            text,
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt; \u{fffd}[m\u{fffd}"
        );
    }
}
