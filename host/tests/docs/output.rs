//! Compares what a document shows with what was printed.

use regex_lite::{Captures, Regex};

/// Whether a line of a document is part of one of these lines. Numbers may differ, except for the status of a response. `...`
/// stands for any text.
pub fn is_printed(shown: &str, printed: &str) -> bool {
    let parts: Vec<String> = shown.trim().split("...").map(plain).collect();
    printed.lines().map(plain).any(|line| {
        let mut rest = line.as_str();
        parts.iter().all(|part| {
            let Some(begin) = rest.find(part.as_str()) else {
                return false;
            };
            rest = &rest[begin + part.len()..];
            true
        })
    })
}

/// A line without what differs from run to run: numbers, addresses in a component, hashes of Rust's symbols.
fn plain(line: &str) -> String {
    let numbers = Regex::new(
        r#"(?<status>HTTP/1\.1"? [1-5][0-9][0-9])|0x[0-9a-f]+|h[0-9a-f]{16}|[0-9]+([.:][0-9]+)*"#,
    );
    let numbers = numbers.expect("a regular expression");
    let plain = numbers.replace_all(line.trim(), |found: &Captures| {
        let status = found.name("status");
        status.map_or("0", |status| status.as_str()).to_owned()
    });
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::is_printed;

    #[test]
    fn compares_lines_without_their_numbers() {
        let printed = "2026-01-01T10:00:00Z  INFO live: /a/* from a.wasm (75.6 KiB, loaded in 33ms)\n\
                       127.0.0.1 \"GET / HTTP/1.1\" 404 17 0.3ms\n  0: 0xec8 - a.wasm!a::f::hca0bd1b69464f908\n";
        for (shown, is) in [
            ("INFO live: /a/* from a.wasm (1 KiB, loaded in 2s)", false),
            ("INFO live: /a/* from a.wasm (1 KiB, loaded in 2ms)", true),
            ("INFO live: /b/* from a.wasm (1 KiB, loaded in 2ms)", false),
            ("INFO ... (1.5 KiB, loaded in ...", true),
            ("\"GET / HTTP/1.1\" 404 1 20ms", true),
            ("\"GET / HTTP/1.1\" 200 1 20ms", false),
            ("7: 0x1 - a.wasm!a::f::h0123456789abcdef", true),
        ] {
            assert_eq!(is_printed(shown, printed), is, "{shown}");
        }
    }
}
