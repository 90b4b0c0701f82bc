//! A request as the server receives it.

pub(crate) mod authority;
pub(crate) mod body;
pub(crate) mod body_sender;
mod chunk_extensions;
pub(crate) mod chunked_decoder;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod head_scanner;
pub(crate) mod reject;
pub(crate) mod span;
pub(crate) mod target;

use self::body::RequestBody;
use self::head::{Head, TargetKind};
use self::reject::Reject;
use crate::response::Response;
use crate::response::body::Body;

/// A request: its head, and a reader for its body.
#[derive(Debug)]
pub struct Request {
    /// The request line and the fields.
    pub head: Head,
    /// None if the request has no content, or content of length 0.
    pub body: Option<RequestBody>,
    /// Fields that the server adds for the handler. Their names are in lower case, and begin with `belljar-` or are
    /// `x-forwarded-prefix`. Handlers never see fields of such names that the client sent.
    pub added: Vec<(String, String)>,
}

impl Request {
    /// Makes a request out of parts that another server has parsed. The head passes the same checks as a head that a
    /// [`Connection`](crate::Connection) reads. The request has no body yet; see [`RequestBody::channel`].
    ///
    /// # Errors
    ///
    /// If the head is not well-formed.
    pub fn from_parts<'a>(
        method: &str,
        target: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, Reject> {
        let mut head = Vec::with_capacity(512);
        let line = [method, " ", target, " HTTP/1.1"].concat();
        append_line(&mut head, line.as_bytes(), Reject::RequestLine)?;
        for (name, value) in fields {
            let line = [name.as_bytes(), b": ", value].concat();
            append_line(&mut head, &line, Reject::Field)?;
        }
        head.extend_from_slice(b"\r\n");
        let (head, _) = Head::parse(&head)?;
        Ok(Self {
            head,
            body: None,
            added: Vec::new(),
        })
    }

    /// The server's own response to CONNECT and TRACE, which are not supported, and to `OPTIONS *`. None for all other
    /// requests: a handler answers them.
    pub fn host_answer(&self) -> Option<Response> {
        match (self.head.kind(), self.head.method()) {
            (TargetKind::Tunnel, _) | (_, "CONNECT" | "TRACE") => {
                Some(Response::error(405).with_field("Allow", ALLOW))
            }
            (TargetKind::Server, _) => {
                Some(Response::own(204, Body::Empty).with_field("Allow", ALLOW))
            }
            (TargetKind::Resource, _) => None,
        }
    }
}

/// Appends a line of a head. A line break within it would add lines of its own.
fn append_line(head: &mut Vec<u8>, line: &[u8], fault: Reject) -> Result<(), Reject> {
    if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return Err(fault);
    }
    head.extend_from_slice(line);
    head.extend_from_slice(b"\r\n");
    Ok(())
}

/// The methods that handlers may support (RFC 9110, section 9.3, and RFC 5789).
const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_a_request_from_parts() {
        let fields = [("host", &b"example.com"[..]), ("x", b"1"), ("x", b"2")];
        let request = Request::from_parts("GET", "/a/b?c=d", fields).unwrap();
        assert_eq!(request.head.method(), "GET");
        assert_eq!(request.head.path(), "/a/b");
        assert_eq!(request.head.query(), Some("c=d"));
        assert_eq!(request.head.authority(), Some("example.com"));
        assert_eq!(request.head.handler_fields().count(), 3);
    }

    #[test]
    fn rejects_parts_that_form_no_well_formed_head() {
        let host = ("host", &b"example.com"[..]);
        for (method, target, fields) in [
            ("GET", "/", vec![]),
            ("GET", "/", vec![host, host]),
            ("GE T", "/", vec![host]),
            ("GET", "a", vec![host]),
            ("GET", "/ HTTP/1.1\r\nx: y", vec![host]),
            ("GET", "/", vec![host, ("x", b"1\ny: 2")]),
            ("GET", "/", vec![host, ("x\r\ny", b"1")]),
            ("GET", "/", vec![host, ("x y", b"1")]),
            ("GET", "/", vec![host, ("x", b"\0")]),
        ] {
            let request = Request::from_parts(method, target, fields.clone());
            assert!(request.is_err(), "{method} {target} {fields:?}");
        }
    }
}
