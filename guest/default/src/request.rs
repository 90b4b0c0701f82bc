//! The parts of a request that decide the response.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// A header field: a name in lower case, and its value.
pub type Field = (String, Vec<u8>);

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: Method,
    /// As sent: percent-encoded, with dot segments.
    pub path: &'a str,
    /// As sent, without the `?`.
    pub query: Option<&'a str>,
    pub fields: &'a [Field],
}

impl<'a> Request<'a> {
    /// The beginning of the path that the server removed, because it serves the site below it. Empty without one.
    pub fn mount(&self) -> &'a str {
        let mut fields = self.fields.iter();
        let field = fields.find(|(name, _)| name == "belljar-mount");
        field.map_or("", |(_, value)| str::from_utf8(value).unwrap_or_default())
    }
}

/// The methods that a file server tells apart (RFC 9110, section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Options,
    /// Known, but never allowed for a file: 405.
    Refused,
    /// Unknown: 501.
    Unknown,
}

impl Method {
    /// Methods are case-sensitive (RFC 9110, section 9.1): `get` is unknown.
    pub fn parse(method: &str) -> Method {
        match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "OPTIONS" => Method::Options,
            "POST" | "PUT" | "PATCH" | "DELETE" | "CONNECT" | "TRACE" => Method::Refused,
            _ => Method::Unknown,
        }
    }
}

/// The values of the header fields that decide the response; None for fields that the request does not have.
///
/// Fields of the same name are joined by `, ` (RFC 9110, section 5.3). For list fields that is their meaning. A field with
/// a single value becomes malformed when it is repeated, and malformed fields are ignored.
#[derive(Debug, Default)]
pub struct Conditions<'a> {
    pub if_match: Value<'a>,
    pub if_none_match: Value<'a>,
    pub if_modified_since: Value<'a>,
    pub if_unmodified_since: Value<'a>,
    pub if_range: Value<'a>,
    pub range: Value<'a>,
    pub accept: Value<'a>,
    pub accept_encoding: Value<'a>,
}

pub type Value<'a> = Option<Cow<'a, [u8]>>;

impl<'a> Conditions<'a> {
    /// Collects the values in one pass over the fields.
    pub fn of(fields: &'a [Field]) -> Conditions<'a> {
        let mut conditions = Conditions::default();
        for (name, value) in fields {
            let slot = match name.as_str() {
                "if-match" => &mut conditions.if_match,
                "if-none-match" => &mut conditions.if_none_match,
                "if-modified-since" => &mut conditions.if_modified_since,
                "if-unmodified-since" => &mut conditions.if_unmodified_since,
                "if-range" => &mut conditions.if_range,
                "range" => &mut conditions.range,
                "accept" => &mut conditions.accept,
                "accept-encoding" => &mut conditions.accept_encoding,
                _ => continue,
            };
            match slot {
                None => *slot = Some(Cow::Borrowed(value)),
                Some(joined) => {
                    let joined = joined.to_mut();
                    joined.extend_from_slice(b", ");
                    joined.extend_from_slice(value);
                }
            }
        }
        conditions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_methods() {
        for (method, expected) in [
            ("GET", Method::Get),
            ("HEAD", Method::Head),
            ("OPTIONS", Method::Options),
            ("POST", Method::Refused),
            ("DELETE", Method::Refused),
            ("get", Method::Unknown),
            ("PROPFIND", Method::Unknown),
        ] {
            assert_eq!(Method::parse(method), expected, "{method}");
        }
    }

    #[test]
    fn joins_repeated_fields() {
        let fields = [
            ("if-match", "\"a\""),
            ("host", "x"),
            ("if-match", "\"b\""),
            ("range", "bytes=0-1"),
        ]
        .map(|(name, value)| (String::from(name), Vec::from(value)));
        let conditions = Conditions::of(&fields);
        assert_eq!(conditions.if_match.as_deref(), Some(&b"\"a\", \"b\""[..]));
        assert_eq!(conditions.range.as_deref(), Some(&b"bytes=0-1"[..]));
        assert_eq!(conditions.if_range, None);
    }
}
