use std::mem::MaybeUninit;
use std::ops::Range;

use super::authority;
use super::framing::RequestFraming;
use super::reject::Reject;
use super::span::Span;
use super::target::RequestTarget;
use crate::limits::MAX_FIELDS;
use crate::syntax::is_token_byte;
use crate::version::Version;

/// The head of a request, whose form was checked: the bytes as sent, and where its parts are in them.
#[derive(Debug)]
pub struct Head {
    bytes: Vec<u8>,
    version: Version,
    method: Span,
    target: Span,
    kind: TargetKind,
    authority: Option<Span>,
    path: Span,
    query: Option<Span>,
    fields: Vec<(Span, Span)>,
}

/// What the target stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetKind {
    Resource,
    Server,
    Tunnel,
}

impl Head {
    /// The method as sent: a token, case-sensitive.
    pub fn method(&self) -> &str {
        self.text(self.method)
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// The target as sent.
    pub fn target(&self) -> &str {
        self.text(self.target)
    }

    /// Host and optional port: of an absolute target, else of the Host field. None in a request of HTTP/1.0
    /// that names neither.
    pub fn authority(&self) -> Option<&str> {
        self.authority.map(|span| self.text(span))
    }

    /// The path as sent, still percent-encoded. It begins with `/`; only for `OPTIONS *` and CONNECT, which are
    /// answered by [`Request::host_answer`](crate::Request::host_answer), is it empty.
    pub fn path(&self) -> &str {
        match self.text(self.path) {
            "" if self.kind == TargetKind::Resource => "/",
            path => path,
        }
    }

    /// What follows the first `?` of the target, as sent.
    pub fn query(&self) -> Option<&str> {
        self.query.map(|span| self.text(span))
    }

    /// The whole head as sent, its last empty line included. After [`lowercase_names`](Self::lowercase_names)
    /// the names of its fields are in lower case.
    pub fn raw(&self) -> &[u8] {
        &self.bytes
    }

    /// All field lines in the order they came: the name as sent, and the value without white space around it.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields
            .iter()
            .map(|&(name, value)| (self.text(name), self.slice(value)))
    }

    /// The value of the first field line of that name, in whatever case.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Puts the names of the fields in lower case, in place.
    pub fn lowercase_names(&mut self) {
        for (name, _) in &self.fields {
            if let Some(name) = self.bytes.get_mut(name.range()) {
                name.make_ascii_lowercase();
            }
        }
    }

    /// The field lines that a handler is given: all but those of the framing, which the host has dealt with, and those
    /// that only the host may tell a handler.
    pub fn handler_fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields().filter(|(name, _)| {
            !is_own(name)
                && !FRAMING_FIELDS
                    .iter()
                    .any(|own| own.eq_ignore_ascii_case(name))
        })
    }

    /// Parses a whole head, as [`HeadScanner`](super::head_scanner::HeadScanner) found it: no line in it ends in a bare LF.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, RequestFraming), Reject> {
        let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut []);
        let parsed = request.parse_with_uninit_headers(bytes, &mut fields);
        parsed.map_err(|error| match error {
            httparse::Error::TooManyHeaders => Reject::TooManyFields,
            httparse::Error::HeaderName | httparse::Error::HeaderValue => Reject::Field,
            _ => line_fault(bytes),
        })?;
        let (Some(method), Some(target), Some(minor)) =
            (request.method, request.path, request.version)
        else {
            return Err(Reject::RequestLine);
        };
        let version = if minor == 0 {
            Version::Http10
        } else {
            Version::Http11
        };
        let parts = RequestTarget::parse(method, target.as_bytes())?;
        let given = || {
            request
                .headers
                .iter()
                .map(|field| (field.name, field.value))
        };
        let host = host(version, given())?;
        let framing = RequestFraming::of(version, given())?;

        let span = |part: &[u8]| Span::of(part, bytes);
        let target_start = span(target.as_bytes()).start;
        let within_target =
            |range: Range<usize>| Span::new(range.start, range.end).shifted(target_start);
        let host = host.map(span);
        let (kind, authority, path, query) = match parts {
            RequestTarget::Resource {
                authority,
                path,
                query,
            } => (
                TargetKind::Resource,
                authority.map(within_target).or(host),
                within_target(path),
                query.map(within_target),
            ),
            RequestTarget::Server => (TargetKind::Server, host, Span::default(), None),
            RequestTarget::Tunnel => (TargetKind::Tunnel, host, Span::default(), None),
        };
        let fields = given()
            .map(|(name, value)| (span(name.as_bytes()), span(value)))
            .collect();
        let (method, target) = (span(method.as_bytes()), span(target.as_bytes()));
        let bytes = bytes.to_vec();
        Ok((
            Self {
                bytes,
                version,
                method,
                target,
                kind,
                authority,
                path,
                query,
                fields,
            },
            framing,
        ))
    }

    pub(crate) fn kind(&self) -> TargetKind {
        self.kind
    }

    fn slice(&self, span: Span) -> &[u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    /// A part that was found to be ASCII.
    fn text(&self, span: Span) -> &str {
        str::from_utf8(self.slice(span)).unwrap_or_default()
    }
}

/// The value of the one Host field, checked (RFC 9112, section 3.2).
fn host<'a>(
    version: Version,
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<Option<&'a [u8]>, Reject> {
    let mut hosts = fields.filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    match (hosts.next(), hosts.next()) {
        (Some((_, host)), None) => authority::check(host).map(|()| Some(host)),
        (Some(_), Some(_)) => Err(Reject::HostTwice),
        (None, _) if version == Version::Http10 => Ok(None),
        (None, _) => Err(Reject::HostMissing),
    }
}

/// What is wrong with a malformed request line. `HTTP/2.0` deserves another answer than `HTTP/x`.
fn line_fault(head: &[u8]) -> Reject {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let mut words = line
        .strip_suffix(b"\r")
        .unwrap_or(line)
        .split(|&byte| byte == b' ');
    let words = (words.next(), words.next(), words.next(), words.next());
    let (Some(method), Some(_), Some(version), None) = words else {
        return Reject::RequestLine;
    };
    match version {
        _ if method.is_empty() || !method.iter().copied().all(is_token_byte) => Reject::RequestLine,
        b"HTTP/1.0" | b"HTTP/1.1" => Reject::Target,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Reject::Version
        }
        _ => Reject::RequestLine,
    }
}

/// Whether a field's name is one by which the host tells a handler something.
fn is_own(name: &str) -> bool {
    name.as_bytes()
        .get(..OWN_FIELDS.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(OWN_FIELDS))
}

/// How the names of the host's own fields begin.
const OWN_FIELDS: &[u8] = b"belljar-";

/// What of a request belongs to the connection, not to the message: the host's own affair.
const FRAMING_FIELDS: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<Head, Reject> {
        Head::parse(head.as_bytes()).map(|(head, _)| head)
    }

    #[test]
    fn the_parts_are_where_they_should_be() {
        let text = "POST /a%20b?c HTTP/1.1\r\nHost:\t h:1 \t\r\nX-Y: \u{e9} \r\nTE: x\r\nEmpty:\r\nx-y: 2\r\n\r\n";
        let mut head = parse(text).unwrap();
        assert_eq!(
            (head.method(), head.target(), head.version()),
            ("POST", "/a%20b?c", Version::Http11)
        );
        assert_eq!(
            (head.authority(), head.path(), head.query()),
            (Some("h:1"), "/a%20b", Some("c"))
        );
        assert_eq!(head.raw(), text.as_bytes());
        assert_eq!(head.field("x-y"), Some("\u{e9}".as_bytes()));
        assert_eq!(head.field("empty"), Some(&b""[..]));
        assert_eq!(head.field("none"), None);
        assert_eq!(head.fields().count(), 5);
        head.lowercase_names();
        let names: Vec<_> = head.handler_fields().map(|(name, _)| name).collect();
        assert_eq!(names, ["host", "x-y", "empty", "x-y"]);
    }

    #[test]
    fn no_client_speaks_for_the_host() {
        let text =
            "GET / HTTP/1.1\r\nHost: h\r\nBelljar-Route: /\r\nbelljar-: x\r\nbelljar: y\r\n\r\n";
        let head = parse(text).unwrap();
        let names: Vec<_> = head.handler_fields().map(|(name, _)| name).collect();
        assert_eq!(names, ["Host", "belljar"]);
    }

    #[test]
    fn the_authority_of_an_absolute_target_wins() {
        let head = parse("GET http://a:1?q HTTP/1.1\r\nHost: b\r\n\r\n").unwrap();
        assert_eq!(
            (head.authority(), head.path(), head.query()),
            (Some("a:1"), "/", Some("q"))
        );
        let head = parse("GET / HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!((head.authority(), head.version()), (None, Version::Http10));
    }

    #[test]
    fn malformed_heads_are_told_apart() {
        use Reject::*;
        for (line, expected) in [
            ("GET / HTTP/2.0", Version),
            ("PRI * HTTP/2.0", Version),
            ("GET / HTTP/1.2", Version),
            ("GET / HTTP/0.9", Version),
            ("GET / HTTP/11", RequestLine),
            ("GET / http/1.1", RequestLine),
            ("GET / HTTP/1.10", RequestLine),
            ("GET / HTTP/1.1 ", RequestLine),
            ("GET /", RequestLine),
            ("GET", RequestLine),
            ("GET /a b HTTP/1.1", RequestLine),
            ("GET  / HTTP/1.1", RequestLine),
            ("GET / HTTP/1.1\rx", RequestLine),
            ("G(T / HTTP/1.1", RequestLine),
            ("GET * HTTP/1.1", Target),
            ("GET /\u{e4} HTTP/1.1", Target),
        ] {
            let outcome = parse(&format!("{line}\r\nHost: h\r\n\r\n")).map(|_| ());
            assert_eq!(outcome, Err(expected), "{line:?}");
        }
        for (fields, expected) in [
            ("Host: h\r\n x: folded", Field),
            ("Host: h\r\nX: a\r\n\tfolded", Field),
            ("Host : h", Field),
            ("Host\t: h", Field),
            (" Host: h", Field),
            ("Host: h\r\n: x", Field),
            ("Host: h\r\nx", Field),
            ("Host: h\r\nx y: z", Field),
            ("Host: h\r\n\u{e4}: z", Field),
            ("Host: h\r\nx: \0", Field),
            ("Host: h\r\nx: a\rb", Field),
            ("Host: h\r\nx: a\x1bb", Field),
            ("Host: h\r\nx: \x7f", Field),
            ("Host: h\r\nx\r: a", Field),
            ("X: y", HostMissing),
            ("Host: h\r\nhost: h", HostTwice),
            ("Host:", Host),
            ("Host: a@b", Host),
            ("Host: a, b", Host),
        ] {
            let outcome = parse(&format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n")).map(|_| ());
            assert_eq!(outcome, Err(expected), "{fields:?}");
        }
    }

    #[test]
    fn the_fields_are_counted() {
        let head = |count| format!("GET / HTTP/1.0\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert!(parse(&head(128)).is_ok());
        assert_eq!(parse(&head(129)).map(|_| ()), Err(Reject::TooManyFields));
    }
}
