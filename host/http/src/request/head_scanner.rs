//! Finds the end of a request head.

use memchr::{memchr, memchr_iter};

use super::reject::Reject;
use crate::syntax::is_token_byte;

/// Searches arriving bytes for the end of a head, and looks at each byte once.
///
/// The head is parsed only when it is complete. So the outcome cannot depend on how its bytes are split into packets,
/// and a client that sends single bytes costs the server no more than others.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    searched: usize,
}

impl HeadScanner {
    /// The length of the head in `bytes`, including the empty line. None while the head is incomplete. `max` is the
    /// maximum length of a head.
    pub(crate) fn find_end(&mut self, bytes: &[u8], max: usize) -> Result<Option<usize>, Reject> {
        // A client that speaks another protocol, such as TLS, is refused at the first byte.
        if bytes.first().is_some_and(|&first| !is_token_byte(first)) {
            return Err(Reject::RequestLine);
        }
        let window = bytes.get(..max).unwrap_or(bytes);
        for found in memchr_iter(b'\n', window.get(self.searched..).unwrap_or_default()) {
            let line_feed = self.searched + found;
            let before = &window[..line_feed];
            if !before.ends_with(b"\r") {
                return Err(Reject::BareLineFeed);
            }
            if before.ends_with(b"\n\r") {
                return Ok(Some(line_feed + 1));
            }
        }
        self.searched = window.len();
        if window.len() < max {
            Ok(None)
        } else if memchr(b'\n', window).is_none() {
            Err(Reject::TargetTooLong)
        } else {
            Err(Reject::HeadTooLarge)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_same_end_however_the_bytes_are_split() {
        let cases: &[(&str, Result<Option<usize>, Reject>)] = &[
            ("", Ok(None)),
            ("GET / HTTP/1.1\r\n\r", Ok(None)),
            ("GET / HTTP/1.1\r\n\r\n", Ok(Some(18))),
            ("GET / HTTP/1.1\r\n\r\nGET", Ok(Some(18))),
            ("GET / HTTP/1.1\r\na: b\r\n\r\n", Ok(Some(24))),
            ("GET / HTTP/1.1\n\n", Err(Reject::BareLineFeed)),
            ("GET / HTTP/1.1\r\na: b\n\r\n", Err(Reject::BareLineFeed)),
            ("GET / HTTP/1.1\r\na: b\r\n\n", Err(Reject::BareLineFeed)),
            ("GET / HTTP/1.1\r\na: 12345678\r\n\r\n", Ok(Some(31))),
            ("GET / HTTP/1.1\r\na: 123456789\r\n\r\n", Ok(Some(32))),
            (
                "GET / HTTP/1.1\r\na: 1234567890\r\n\r\n",
                Err(Reject::HeadTooLarge),
            ),
            (
                "GET /01234567890123456789012345678 HTTP/1.1\r\n\r\n",
                Err(Reject::TargetTooLong),
            ),
            ("\x16\x03\x01", Err(Reject::RequestLine)),
            (" GET / HTTP/1.1\r\n\r\n", Err(Reject::RequestLine)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(
                HeadScanner::default().find_end(bytes.as_bytes(), 32),
                *expected,
                "{bytes:?}"
            );
            let mut scan = HeadScanner::default();
            let mut steps =
                (0..=bytes.len()).map(|end| scan.find_end(&bytes.as_bytes()[..end], 32));
            let outcome = steps.find(|step| *step != Ok(None)).unwrap_or(Ok(None));
            assert_eq!(outcome, *expected, "{bytes:?}, byte by byte");
        }
    }
}
