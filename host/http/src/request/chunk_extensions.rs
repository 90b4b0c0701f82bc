//! The syntax of chunk extensions.

use crate::syntax::is_token_byte;

/// Whether `line`, the rest of a line after the size of a chunk, consists of well-formed extensions (RFC 9112, section
/// 7.1.1):
///
/// ```text
/// chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
/// ```
///
/// Stricter than the RFC in two ways: no white space may precede the first semicolon, and no tab is white space.
pub(super) fn are_well_formed(line: &[u8]) -> bool {
    let mut rest = line;
    while let [first, after @ ..] = rest {
        if *first != b';' {
            return false;
        }
        let Some(name_end) = after_token(after_spaces(after)) else {
            return false;
        };
        let end = match after_spaces(name_end) {
            [b'=', value @ ..] => after_value(after_spaces(value)),
            _ => Some(name_end),
        };
        let Some(end) = end else {
            return false;
        };
        // White space may precede another extension, and may not end the line.
        rest = after_spaces(end);
        if rest.is_empty() && !end.is_empty() {
            return false;
        }
    }
    true
}

fn after_spaces(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    text
}

/// What follows a token. None if there is no token.
fn after_token(text: &[u8]) -> Option<&[u8]> {
    let length = text.iter().take_while(|byte| is_token_byte(**byte)).count();
    (length > 0).then(|| text.get(length..)).flatten()
}

/// What follows a token or a quoted string. None if there is neither.
fn after_value(text: &[u8]) -> Option<&[u8]> {
    let [b'"', quoted @ ..] = text else {
        return after_token(text);
    };
    let mut rest = quoted;
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', escaped, after @ ..] if is_text(*escaped) => after,
            [b'\\', ..] | [] => return None,
            [byte, after @ ..] if is_text(*byte) => after,
            _ => return None,
        };
    }
}

/// Whether a quoted string may contain the byte: any but controls (RFC 9110, section 5.6.4).
fn is_text(byte: u8) -> bool {
    !byte.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_with_and_without_values() {
        for good in [
            "",
            ";a",
            ";a;b",
            "; a",
            ";a=b",
            ";a = b",
            ";a=b ; c=d",
            ";a ;b",
            r#";a="""#,
            r#";a="b c;=""#,
            r#";a="\"\\";b"#,
            ";a=\"\u{fc}\"",
            ";!#$%&'*+-.^_`|~=1",
        ] {
            assert!(are_well_formed(good.as_bytes()), "{good}");
        }
    }

    #[test]
    fn rejects_everything_else() {
        for bad in [
            ";",
            "; ",
            ";;",
            ";;a",
            ";a;",
            ";a; ",
            ";a ",
            ";=b",
            ";a=",
            ";a= ",
            ";a=;b",
            ";a==b",
            ";a=b=c",
            ";a b",
            ";a=b c",
            ";a=(b)",
            ";\"a\"",
            r#";a=""#,
            r#";a="b"#,
            r#";a="b\"#,
            r#";a="b\""#,
            r#";a="b"c"#,
            r#";a="b" "#,
            ";a\t",
            ";\ta",
            ";a=\"\t\"",
            ";a=\"\x7f\"",
            ";\u{fc}",
            " ;a",
            "a",
        ] {
            assert!(!are_well_formed(bad.as_bytes()), "{bad}");
        }
    }
}
