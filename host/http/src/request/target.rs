//! Parses the target of a request line.

use std::ops::Range;

use super::authority;
use super::reject::Reject;

/// The form of a request target, and the ranges of its parts (RFC 9112, section 3.2).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RequestTarget {
    /// `/path?query`, or `http://authority/path?query`. An empty path stands for `/`.
    Resource {
        authority: Option<Range<usize>>,
        path: Range<usize>,
        query: Option<Range<usize>>,
    },
    /// `OPTIONS *`
    Server,
    /// The target of CONNECT, in any form: the server refuses all such requests.
    Tunnel,
}

impl RequestTarget {
    pub(crate) fn parse(method: &str, target: &[u8]) -> Result<Self, Reject> {
        if target.is_empty()
            || !target
                .iter()
                .all(|&byte| matches!(byte, 0x21..=0x7e) && byte != b'#')
        {
            return Err(Reject::Target);
        }
        if method == "CONNECT" {
            return Ok(Self::Tunnel);
        }
        if target.starts_with(b"/") {
            return Ok(Self::resource(None, 0, target));
        }
        if target == b"*" && method == "OPTIONS" {
            return Ok(Self::Server);
        }
        let start = ["http://", "https://"]
            .iter()
            .find(|scheme| {
                target
                    .get(..scheme.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
            })
            .ok_or(Reject::Target)?
            .len();
        let end = memchr::memchr2(b'/', b'?', &target[start..])
            .map_or(target.len(), |length| start + length);
        authority::check(&target[start..end])?;
        if end == target.len() && method == "OPTIONS" {
            // RFC 9112, section 3.2.4: in a request to a proxy, this form means `*`.
            return Ok(Self::Server);
        }
        Ok(Self::resource(Some(start..end), end, target))
    }

    fn resource(authority: Option<Range<usize>>, start: usize, target: &[u8]) -> Self {
        match memchr::memchr(b'?', &target[start..]) {
            Some(length) => Self::Resource {
                authority,
                path: start..start + length,
                query: Some(start + length + 1..target.len()),
            },
            None => Self::Resource {
                authority,
                path: start..target.len(),
                query: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, target: &str) -> Result<String, Reject> {
        Ok(match RequestTarget::parse(method, target.as_bytes())? {
            RequestTarget::Resource {
                authority,
                path,
                query,
            } => format!(
                "{} {} {}",
                authority.map_or("-", |range| &target[range]),
                &target[path],
                query.map_or("-", |range| &target[range])
            ),
            RequestTarget::Server => "server".into(),
            RequestTarget::Tunnel => "tunnel".into(),
        })
    }

    #[test]
    fn parses_all_forms() {
        for (method, target, expected) in [
            ("GET", "/", "- / -"),
            ("GET", "/a/b?c=d?e", "- /a/b c=d?e"),
            ("GET", "/?", "- / "),
            ("GET", "//evil/..", "- //evil/.. -"),
            ("GET", "/a\"<>\\^`{|}", "- /a\"<>\\^`{|} -"),
            ("GET", "http://h:80/a?b", "h:80 /a b"),
            ("GET", "HTTPS://h", "h  -"),
            ("GET", "http://h?q", "h  q"),
            ("OPTIONS", "*", "server"),
            ("OPTIONS", "http://h", "server"),
            ("OPTIONS", "http://h/", "h / -"),
            ("OPTIONS", "/a", "- /a -"),
            ("CONNECT", "example.com:443", "tunnel"),
        ] {
            assert_eq!(
                parts(method, target).as_deref(),
                Ok(expected),
                "{method} {target}"
            );
        }
    }

    #[test]
    fn rejects_other_forms_and_bytes() {
        for target in [
            "",
            "*",
            "a",
            "a/b",
            "example.com:80",
            "ftp://h/",
            "http:/h",
            "http:h",
            "/a#b",
            "/\u{e4}",
            "/\x7f",
            "/a\x01",
            "#",
        ] {
            assert_eq!(parts("GET", target), Err(Reject::Target), "{target:?}");
        }
        for target in [
            "http://",
            "http:///a",
            "http://u@h/",
            "http://h,i/",
            "http://h:x/",
            "http://[::1/",
        ] {
            assert_eq!(parts("GET", target), Err(Reject::Host), "{target:?}");
        }
    }
}
