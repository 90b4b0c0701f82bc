//! A response before it is sent.

pub(crate) mod body;
pub(crate) mod encode;
pub(crate) mod framing;
pub(crate) mod invalid;
pub(crate) mod status;
mod suffix;

use self::body::Body;
use self::invalid::InvalidResponse;
use self::status::reason_phrase;
use crate::limits::MAX_FIELDS;
use crate::syntax::{decimal, is_token_byte, is_value_byte};

/// A well-formed response. Its framing is decided when it is sent.
#[derive(Debug)]
pub struct Response {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    body: Body,
    /// The Content-Length that the handler set.
    declared: Option<u64>,
}

impl Response {
    /// Checks a handler's response, and drops the fields that only the server may set.
    ///
    /// # Errors
    ///
    /// If the response cannot be sent: see [`InvalidResponse`].
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
        fields.retain(|(name, _)| {
            !SERVER_FIELDS
                .iter()
                .any(|field| field.eq_ignore_ascii_case(name))
        });
        let response = Self {
            status,
            fields,
            body,
            declared,
        };
        if response.is_bodiless() && response.body.length().is_some_and(|length| length > 0) {
            return Err(InvalidResponse::BodyNotAllowed(status));
        }
        Ok(response)
    }

    /// The server's own error response. It names the status and repeats nothing of the request.
    pub fn error(status: u16) -> Self {
        let text = format!("{status} {}\n", reason_phrase(status));
        Self::own(status, Body::Bytes(text.into()))
            .with_field("Content-Type", "text/plain; charset=utf-8")
            .with_field("X-Content-Type-Options", "nosniff")
            .with_field("Cache-Control", "no-store")
    }

    /// Adds a field that the server sets.
    pub fn with_field(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// The status, from 200 to 599.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The server's own response, which needs no check.
    pub(crate) fn own(status: u16, body: Body) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body,
            declared: None,
        }
    }

    /// The fields, without those that only the sending server may set.
    pub fn fields(&self) -> &[(String, Vec<u8>)] {
        &self.fields
    }

    pub(crate) fn body(&self) -> &Body {
        &self.body
    }

    /// The content of the response.
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Whether the status has no body, whatever the method (RFC 9110, section 6.4.1).
    pub(crate) fn is_bodiless(&self) -> bool {
        matches!(self.status, 204 | 304)
    }

    /// Whether the handler is still producing the body.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.body, Body::Stream { .. })
    }
}

/// The fields that only the server may set.
const SERVER_FIELDS: [&str; 10] = [
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
    fn rejects_responses_that_cannot_be_sent() {
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
    fn drops_fields_that_only_the_server_may_set() {
        let fields = SERVER_FIELDS
            .map(|name| field(name, "0"))
            .into_iter()
            .chain([field("X-Own", "\u{e4}\t")]);
        let response = Response::new(200, fields.collect(), Body::Empty).unwrap();
        assert_eq!(response.fields(), [field("X-Own", "\u{e4}\t")]);
    }

    #[test]
    fn error_responses_name_the_status() {
        let page = Response::error(404);
        assert_eq!(page.status(), 404);
        assert!(
            page.fields()
                .contains(&field("X-Content-Type-Options", "nosniff"))
        );
        assert!(matches!(page.into_body(), Body::Bytes(text) if text == "404 Not Found\n"));
    }
}
