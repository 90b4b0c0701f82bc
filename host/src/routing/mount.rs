//! The prefix of a request's path that a handler is mounted at.

use std::borrow::Cow;

use super::escape::{encoded, is_segment_byte};

/// Returns a mount as handlers get it: without bytes that a path may not contain. Handlers put it before the path of a
/// link, and browsers take `/\host` for another site.
pub fn mount_of(prefix: &str) -> Cow<'_, str> {
    let stays = |byte| is_segment_byte(byte) || b"%/".contains(&byte);
    match prefix.bytes().all(stays) {
        true => Cow::Borrowed(prefix),
        false => Cow::Owned(encoded(prefix, stays)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_a_path_may_not_contain() {
        for (prefix, expected) in [
            ("/a/b", "/a/b"),
            ("/%C3%BC/a%2Fb", "/%C3%BC/a%2Fb"),
            ("/\\evil.example", "/%5Cevil.example"),
            ("/\"<b>", "/%22%3Cb%3E"),
        ] {
            assert_eq!(mount_of(prefix), expected);
        }
    }
}
