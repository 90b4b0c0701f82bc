//! The head of a request, and its parser.

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

/// The head of a well-formed request: its bytes as sent, and the ranges of its parts.
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

/// What the request target identifies.
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

    /// The version in the request line.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The target as sent.
    pub fn target(&self) -> &str {
        self.text(self.target)
    }

    /// Host and optional port, from an absolute target or else from the Host field. None in an HTTP/1.0 request
    /// that has neither.
    pub fn authority(&self) -> Option<&str> {
        self.authority.map(|span| self.text(span))
    }

    /// The path as sent, still percent-encoded, without its [mount](Self::remove_mount). It begins with `/`. It is empty
    /// only for `OPTIONS *` and CONNECT, which [`Request::host_answer`](crate::Request::host_answer) answers.
    pub fn path(&self) -> &str {
        match self.text(self.path) {
            "" if self.kind == TargetKind::Resource => "/",
            path => path,
        }
    }

    /// Removes the first `length` bytes from the [path](Self::path): the prefix that the handler is mounted at, which ends
    /// before a slash or with the path. The [target](Self::target) stays as sent.
    pub fn remove_mount(&mut self, length: usize) {
        self.path = self.path.without_first(length);
    }

    /// The part of the target after the first `?`, as sent.
    pub fn query(&self) -> Option<&str> {
        self.query.map(|span| self.text(span))
    }

    /// The complete head as sent, including the empty line at its end. After
    /// [`lowercase_names`](Self::lowercase_names) the field names in it are in lower case.
    pub fn raw(&self) -> &[u8] {
        &self.bytes
    }

    /// All field lines in the order sent: names as sent, and values without surrounding white space.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields
            .iter()
            .map(|&(name, value)| (self.text(name), self.slice(value)))
    }

    /// The value of the first field line with this name. Case is ignored.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Converts the field names to lower case, in place.
    pub fn lowercase_names(&mut self) {
        for (name, _) in &self.fields {
            if let Some(name) = self.bytes.get_mut(name.range()) {
                name.make_ascii_lowercase();
            }
        }
    }

    /// Removes the field lines with these names, as if they had not been sent. Case is ignored. [`raw`](Self::raw) still has
    /// them.
    pub fn remove_fields(&mut self, names: &[&str]) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.retain(|&(name, _)| {
            let name = self.text(name);
            !names.iter().any(|other| other.eq_ignore_ascii_case(name))
        });
        self.fields = fields;
    }

    /// The field lines for a handler: all except those of the connection and the framing, and those whose names are
    /// reserved for the server.
    pub fn handler_fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields().filter(|(name, _)| {
            !is_reserved(name)
                && !CONNECTION_FIELDS
                    .iter()
                    .any(|field| field.eq_ignore_ascii_case(name))
        })
    }

    /// Parses a complete head, as [`HeadScanner`](super::head_scanner::HeadScanner) found it: no line ends in a bare
    /// LF.
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

    /// A part that the parser has checked to be ASCII.
    fn text(&self, span: Span) -> &str {
        str::from_utf8(self.slice(span)).unwrap_or_default()
    }
}

/// The value of the only Host field, checked (RFC 9112, section 3.2).
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

/// Why a request line is malformed. `HTTP/2.0` gets another status than `HTTP/x`.
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

/// Whether a field name is reserved for the fields that the server adds for handlers.
fn is_reserved(name: &str) -> bool {
    name.as_bytes()
        .get(..RESERVED_PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_PREFIX))
        || name.eq_ignore_ascii_case(FORWARDED_PREFIX)
}

/// The prefix of reserved field names.
const RESERVED_PREFIX: &[u8] = b"belljar-";

/// The field in which frameworks look for the prefix that an application is mounted at.
const FORWARDED_PREFIX: &str = "x-forwarded-prefix";

/// Fields that concern the connection and not the message. Only the server uses them.
const CONNECTION_FIELDS: [&str; 8] = [
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
    fn finds_the_parts_of_a_head() {
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
    fn removes_fields_by_name() {
        let mut head =
            parse("GET / HTTP/1.1\r\nHost: h\r\nRange: a\r\nX: b\r\nrange: c\r\n\r\n").unwrap();
        head.remove_fields(&["RANGE", "none"]);
        let names: Vec<_> = head.fields().map(|(name, _)| name).collect();
        assert_eq!((names, head.field("range")), (vec!["Host", "X"], None));
    }

    #[test]
    fn drops_reserved_fields_from_clients() {
        let text = "GET / HTTP/1.1\r\nHost: h\r\nBelljar-Route: /\r\nbelljar-: x\r\nbelljar: y\r\nX-Forwarded-Prefix: /z\r\n\r\n";
        let head = parse(text).unwrap();
        let names: Vec<_> = head.handler_fields().map(|(name, _)| name).collect();
        assert_eq!(names, ["Host", "belljar"]);
    }

    #[test]
    fn the_path_loses_its_mount_and_the_target_stays() {
        for (target, mount, expected) in [
            ("/a/b?c", "", "/a/b"),
            ("/a/b?c", "/a", "/b"),
            ("/a/?c", "/a", "/"),
            ("/a?c", "/a", "/"),
            ("/a//b", "/a", "//b"),
            ("http://h/a/b", "/a", "/b"),
            ("http://h", "", "/"),
            ("/a?c", "/too/long", "/"),
        ] {
            let mut head = parse(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")).unwrap();
            head.remove_mount(mount.len());
            assert_eq!(head.path(), expected, "{target} {mount}");
            assert_eq!(head.target(), target);
        }
    }

    #[test]
    fn prefers_the_authority_of_an_absolute_target() {
        let head = parse("GET http://a:1?q HTTP/1.1\r\nHost: b\r\n\r\n").unwrap();
        assert_eq!(
            (head.authority(), head.path(), head.query()),
            (Some("a:1"), "/", Some("q"))
        );
        let head = parse("GET / HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!((head.authority(), head.version()), (None, Version::Http10));
    }

    #[test]
    fn rejects_malformed_heads_with_a_reason() {
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
    fn rejects_too_many_fields() {
        let head = |count| format!("GET / HTTP/1.0\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert!(parse(&head(128)).is_ok());
        assert_eq!(parse(&head(129)).map(|_| ()), Err(Reject::TooManyFields));
    }
}
