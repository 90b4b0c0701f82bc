pub(crate) mod encode;

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

use self::encode::reason;
use super::request::framing::decimal;
use super::{MAX_FIELDS, Trailers, Version, is_token_byte, is_value_byte};

/// A response whose form was checked. How it is framed is decided when it is sent.
#[derive(Debug)]
pub struct Response {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    body: Body,
    /// What the handler said of the length.
    declared: Option<u64>,
}

/// The content of a response.
#[derive(Debug)]
pub enum Body {
    Empty,
    Bytes(Bytes),
    /// `length` bytes of a regular file from `offset` on.
    File {
        file: Arc<File>,
        offset: u64,
        length: u64,
    },
    /// Bytes as they come. Chunked for HTTP/1.1, unless the `length` is known here or from a Content-Length. The
    /// sender must send [`Frame::End`] or [`Frame::Trailers`]: a channel that closes without it cuts the connection.
    Stream {
        frames: Receiver<Frame>,
        length: Option<u64>,
    },
}

/// A part of a body that is a stream.
#[derive(Debug)]
pub enum Frame {
    Data(Bytes),
    /// The end, with fields that are sent after the content where the client takes them and the body is chunked. Those
    /// that may not come there are left out (RFC 9110, section 6.5).
    Trailers(Trailers),
    End,
}

/// Why something cannot be sent as a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidResponse {
    /// The status is not of 200 to 599.
    Status(u16),
    /// A field's name is no token.
    FieldName(String),
    /// The value of the named field has a control byte.
    FieldValue(String),
    /// There are more than 128 fields.
    TooManyFields,
    /// The fields have more bytes than a head may have.
    FieldsTooLarge { max: usize },
    /// Content-Length is not a single number.
    ContentLength,
    /// Content-Length says other than the body.
    LengthMismatch { declared: u64, actual: u64 },
    /// The status allows no body.
    BodyNotAllowed(u16),
}

/// How the end of a response is told, as its head says it (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Nothing is said, and there is no body.
    None,
    Length(u64),
    Chunked,
    /// The body ends with the connection: for clients of HTTP/1.0.
    Close,
}

impl Response {
    /// Checks what a handler answers. Fields that are the host's own are dropped; see the contract.
    pub fn new(
        status: u16,
        mut fields: Vec<(String, Vec<u8>)>,
        body: Body,
    ) -> Result<Self, InvalidResponse> {
        if !(200..=599).contains(&status) {
            return Err(InvalidResponse::Status(status));
        }
        if fields.len() > MAX_FIELDS {
            return Err(InvalidResponse::TooManyFields);
        }
        let mut declared = None;
        for (name, value) in &fields {
            if name.is_empty() || !name.bytes().all(is_token_byte) {
                return Err(InvalidResponse::FieldName(name.clone()));
            }
            if !value.iter().copied().all(is_value_byte) {
                return Err(InvalidResponse::FieldValue(name.clone()));
            }
            if name.eq_ignore_ascii_case("content-length") {
                let length = decimal(value).ok_or(InvalidResponse::ContentLength)?;
                if declared.replace(length).is_some() {
                    return Err(InvalidResponse::ContentLength);
                }
            }
        }
        fields.retain(|(name, _)| !HOST_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name)));
        let response = Self {
            status,
            fields,
            body,
            declared,
        };
        if response.is_bodiless() && response.length().is_some_and(|length| length > 0) {
            return Err(InvalidResponse::BodyNotAllowed(status));
        }
        Ok(response)
    }

    /// A short page of the host's own that names the status and reflects nothing of the request.
    pub fn error(status: u16) -> Self {
        let text = format!("{status} {}\n", reason(status));
        Self::host(status, Body::Bytes(text.into()))
            .with_field("Content-Type", "text/plain; charset=utf-8")
            .with_field("X-Content-Type-Options", "nosniff")
            .with_field("Cache-Control", "no-store")
    }

    /// Adds a field of the host's own.
    pub fn with_field(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// A response of the host's own, which needs no check.
    pub(crate) fn host(status: u16, body: Body) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body,
            declared: None,
        }
    }

    pub(crate) fn fields(&self) -> &[(String, Vec<u8>)] {
        &self.fields
    }

    pub(crate) fn body(&self) -> &Body {
        &self.body
    }

    pub(crate) fn into_body(self) -> Body {
        self.body
    }

    /// Whether the body is still being made.
    pub(crate) fn streams(&self) -> bool {
        matches!(self.body, Body::Stream { .. })
    }

    /// Whether the status has no body, whatever the method (RFC 9110, section 6.4.1).
    pub(crate) fn is_bodiless(&self) -> bool {
        matches!(self.status, 204 | 304)
    }

    /// How the response to a request of that version, and to HEAD or not, is framed.
    pub(crate) fn framing(
        &self,
        version: Version,
        head_only: bool,
    ) -> Result<Framing, InvalidResponse> {
        if self.is_bodiless() {
            return Ok(Framing::None);
        }
        let stands_in = head_only && matches!(self.body, Body::Empty);
        match (self.length(), self.declared) {
            (_, declared) if stands_in => Ok(declared.map_or(Framing::None, Framing::Length)),
            (Some(actual), Some(declared)) if actual != declared => {
                Err(InvalidResponse::LengthMismatch { declared, actual })
            }
            (Some(length), _) | (None, Some(length)) => Ok(Framing::Length(length)),
            (None, None) if head_only => Ok(Framing::None),
            (None, None) if version == Version::Http10 => Ok(Framing::Close),
            (None, None) => Ok(Framing::Chunked),
        }
    }

    /// The length of the body, where the body itself tells.
    fn length(&self) -> Option<u64> {
        match &self.body {
            Body::Empty => Some(0),
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::File { length, .. } => Some(*length),
            Body::Stream { length, .. } => *length,
        }
    }
}

impl fmt::Display for InvalidResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status} is not of 200 to 599"),
            Self::FieldName(name) => write!(
                f,
                "header name {name:?} is no token (RFC 9110, section 5.6.2)"
            ),
            Self::FieldValue(name) => write!(f, "the value of header {name:?} has a control byte"),
            Self::TooManyFields => write!(f, "more than {MAX_FIELDS} headers"),
            Self::FieldsTooLarge { max } => write!(f, "the headers have more than {max} bytes"),
            Self::ContentLength => f.write_str("Content-Length is not a single decimal number"),
            Self::LengthMismatch { declared, actual } => {
                write!(
                    f,
                    "Content-Length says {declared}, but the body has {actual} bytes"
                )
            }
            Self::BodyNotAllowed(status) => write!(f, "a response of status {status} has no body"),
        }
    }
}

impl std::error::Error for InvalidResponse {}

/// The fields of a response that the host owns.
const HOST_FIELDS: [&str; 10] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &str) -> (String, Vec<u8>) {
        (name.into(), value.into())
    }

    fn bytes(length: usize) -> Body {
        Body::Bytes(vec![b'x'; length].into())
    }

    fn stream(length: Option<u64>) -> Body {
        Body::Stream {
            frames: tokio::sync::mpsc::channel(1).1,
            length,
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        use InvalidResponse::*;
        let many = vec![field("a", "b"); 129];
        for (status, fields, body, expected) in [
            (199, vec![], bytes(1), Status(199)),
            (100, vec![], Body::Empty, Status(100)),
            (101, vec![], Body::Empty, Status(101)),
            (600, vec![], Body::Empty, Status(600)),
            (0, vec![], Body::Empty, Status(0)),
            (204, vec![], bytes(1), BodyNotAllowed(204)),
            (304, vec![], bytes(1), BodyNotAllowed(304)),
            (304, vec![], stream(Some(1)), BodyNotAllowed(304)),
            (200, vec![field("", "b")], Body::Empty, FieldName("".into())),
            (
                200,
                vec![field("a b", "c")],
                Body::Empty,
                FieldName("a b".into()),
            ),
            (
                200,
                vec![field("a:", "c")],
                Body::Empty,
                FieldName("a:".into()),
            ),
            (
                200,
                vec![field("a\r\nb", "c")],
                Body::Empty,
                FieldName("a\r\nb".into()),
            ),
            (
                200,
                vec![field("\u{e4}", "c")],
                Body::Empty,
                FieldName("\u{e4}".into()),
            ),
            (
                200,
                vec![field("a", "b\r\nc: d")],
                Body::Empty,
                FieldValue("a".into()),
            ),
            (
                200,
                vec![field("a", "b\n")],
                Body::Empty,
                FieldValue("a".into()),
            ),
            (
                200,
                vec![field("a", "\0")],
                Body::Empty,
                FieldValue("a".into()),
            ),
            (
                200,
                vec![field("a", "\x7f")],
                Body::Empty,
                FieldValue("a".into()),
            ),
            (
                200,
                vec![field("date", "\r")],
                Body::Empty,
                FieldValue("date".into()),
            ),
            (
                200,
                vec![field("content-length", "1x")],
                bytes(1),
                ContentLength,
            ),
            (
                200,
                vec![field("content-length", "1"), field("Content-Length", "1")],
                bytes(1),
                ContentLength,
            ),
            (200, many, Body::Empty, TooManyFields),
        ] {
            let outcome = Response::new(status, fields.clone(), body).map(|_| ());
            assert_eq!(outcome, Err(expected), "{status} {fields:?}");
        }
    }

    #[test]
    fn the_hosts_own_fields_are_dropped() {
        let fields = HOST_FIELDS
            .map(|name| field(name, "0"))
            .into_iter()
            .chain([field("X-Own", "\u{e4}\t")]);
        let response = Response::new(200, fields.collect(), Body::Empty).unwrap();
        assert_eq!(response.fields(), [field("X-Own", "\u{e4}\t")]);
    }

    #[test]
    fn the_framing_follows_body_method_status_and_version() {
        use Framing::{Chunked, Close, Length, None as Nothing};
        use Version::{Http10, Http11};
        let mismatch = |declared, actual| Err(InvalidResponse::LengthMismatch { declared, actual });
        for (status, declared, body, version, head_only, expected) in [
            (200, None, Body::Empty, Http11, false, Ok(Length(0))),
            (200, None, Body::Empty, Http11, true, Ok(Nothing)),
            (200, Some(7), Body::Empty, Http11, true, Ok(Length(7))),
            (200, Some(7), Body::Empty, Http11, false, mismatch(7, 0)),
            (200, Some(0), Body::Empty, Http11, false, Ok(Length(0))),
            (404, None, bytes(3), Http11, false, Ok(Length(3))),
            (404, None, bytes(3), Http11, true, Ok(Length(3))),
            (200, Some(3), bytes(3), Http11, false, Ok(Length(3))),
            (200, Some(4), bytes(3), Http11, false, mismatch(4, 3)),
            (200, Some(4), bytes(3), Http11, true, mismatch(4, 3)),
            (204, None, Body::Empty, Http11, false, Ok(Nothing)),
            (204, Some(0), bytes(0), Http11, false, Ok(Nothing)),
            (304, Some(9), Body::Empty, Http11, false, Ok(Nothing)),
            (304, None, stream(None), Http11, false, Ok(Nothing)),
            (200, None, stream(None), Http11, false, Ok(Chunked)),
            (200, None, stream(None), Http11, true, Ok(Nothing)),
            (200, None, stream(None), Http10, false, Ok(Close)),
            (200, None, stream(None), Http10, true, Ok(Nothing)),
            (200, None, stream(Some(5)), Http10, false, Ok(Length(5))),
            (200, Some(5), stream(None), Http11, false, Ok(Length(5))),
            (200, Some(5), stream(Some(6)), Http11, false, mismatch(5, 6)),
        ] {
            let fields = declared.map(|length: u64| field("Content-Length", &length.to_string()));
            let response = Response::new(status, fields.into_iter().collect(), body).unwrap();
            let case = format!("{response:?} {version:?} {head_only}");
            assert_eq!(response.framing(version, head_only), expected, "{case}");
        }
    }

    #[test]
    fn error_pages_name_the_status() {
        let page = Response::error(404);
        assert_eq!(page.status(), 404);
        assert!(
            page.fields()
                .contains(&field("X-Content-Type-Options", "nosniff"))
        );
        assert!(matches!(page.into_body(), Body::Bytes(text) if text == "404 Not Found\n"));
    }
}
