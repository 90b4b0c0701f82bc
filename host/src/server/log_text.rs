//! Makes text from handlers and components safe to write to the log.

use std::borrow::Cow;

/// `reason` with control characters escaped, later lines indented, and cut to 8 KiB.
///
/// A handler can influence the text through the names of its functions and fields. It must not forge a log line, send
/// escape sequences to a terminal or flood the log.
pub(crate) fn sanitized(reason: &str) -> String {
    let mut text = String::with_capacity(reason.len().min(MAX_REASON));
    for c in reason.chars() {
        match c {
            '\n' => text.push_str(CONTINUATION),
            c if c.is_control() => text.extend(c.escape_default()),
            c => text.push(c),
        }
        if text.len() >= MAX_REASON {
            text.push_str("...");
            break;
        }
    }
    text
}

/// `text` as it may appear in the log. Control characters are escaped, and characters that change the direction of
/// writing. A line break stays only before the indentation of a continued line, which [`sanitized`] writes.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(continued) = rest.strip_prefix(CONTINUATION) {
            escaped.push_str(CONTINUATION);
            rest = continued;
            continue;
        }
        match is_special(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    Cow::Owned(escaped)
}

fn is_special(c: char) -> bool {
    let changes_direction =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    changes_direction || (c.is_control() && c != '\t')
}

/// Begins a further line of a text.
const CONTINUATION: &str = "\n    ";

/// The maximum length in bytes.
const MAX_REASON: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_control_characters_and_indents_lines() {
        assert_eq!(sanitized("a\u{1b}[1m\r\nb"), "a\\u{1b}[1m\\r\n    b");
    }

    #[test]
    fn escapes_line_breaks_that_begin_no_continued_line() {
        for (text, expected) in [
            ("live: /a\tb \u{fc}", "live: /a\tb \u{fc}"),
            ("a\nb", r"a\nb"),
            ("a\n   b\n", r"a\n   b\n"),
            ("a\n    b\n\n    c", "a\n    b\\n\n    c"),
            ("a\r\u{1b}[2J\u{85}", r"a\r\u{1b}[2J\u{85}"),
            ("\u{202e}gnp.exe", r"\u{202e}gnp.exe"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn cuts_long_text() {
        let text = sanitized(&"x".repeat(MAX_REASON + 1));
        assert_eq!(text.len(), MAX_REASON + 3);
        assert!(text.ends_with("x..."));
    }
}
