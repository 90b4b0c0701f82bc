//! Makes text from handlers and components safe to write to the log.

/// `reason` with control characters escaped, later lines indented, and cut to 8 KiB.
///
/// A handler can influence the text through the names of its functions and fields. It must not forge a log line, send
/// escape sequences to a terminal or flood the log.
pub(crate) fn sanitized(reason: &str) -> String {
    let mut text = String::with_capacity(reason.len().min(MAX_REASON));
    for c in reason.chars() {
        match c {
            '\n' => text.push_str("\n    "),
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
    fn cuts_long_text() {
        let text = sanitized(&"x".repeat(MAX_REASON + 1));
        assert_eq!(text.len(), MAX_REASON + 3);
        assert!(text.ends_with("x..."));
    }
}
