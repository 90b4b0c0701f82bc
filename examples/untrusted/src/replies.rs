//! Responses that a host must not send unchanged.

use crate::query::Query;
use crate::{Body, Response, header, text};

/// Answers with the status `code=`, and with a body if that status may have one.
pub fn status(query: &Query) -> Response {
    let status = query
        .number("code")
        .and_then(|code| u16::try_from(code).ok())
        .unwrap_or(200);
    let body = match status {
        204 | 304 => Body::Empty,
        _ => Body::Bytes(format!("status {status}\n").into()),
    };
    Response {
        status,
        headers: Vec::new(),
        body,
    }
}

/// A 204 with a body.
pub fn content_where_there_is_none() -> Response {
    Response {
        status: 204,
        ..text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmug!")
    }
}

/// Five bytes of body, and `n=` as their Content-Length.
pub fn wrong_length(query: &Query) -> Response {
    with_header("Content-Length", query.text("n").unwrap_or("500"))
}

/// A second response hidden in a header's value.
pub fn response_splitting() -> Response {
    with_header("X-Split", "a\r\nSet-Cookie: stolen=1\r\n\r\n<script>")
}

pub fn bad_name() -> Response {
    with_header("X Bad: name\r\nX-Injected", "1")
}

/// Every field that belongs to the host, with a value that would confuse the client.
pub fn framing_fields() -> Response {
    let mut response = text("framed\n");
    for (name, value) in [
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close, X-Kept"),
        ("Keep-Alive", "timeout=1"),
        ("Proxy-Connection", "close"),
        ("Upgrade", "h2c"),
        ("TE", "trailers"),
        ("Trailer", "X-Kept"),
        ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Server", "somebody else"),
        ("X-Kept", "kept"),
    ] {
        response.headers.push(header(name, value));
    }
    response
}

/// Names in mixed case, which a host must send unchanged (RFC 9110, section 5.1, leaves the case to the sender).
pub fn mixed_case() -> Response {
    let mut response = text("mixed\n");
    response.headers.push(header("X-mIxEd-CASE", "Value"));
    response.headers.push(header("x-low", ""));
    response
}

/// No body, with `n=` as its Content-Length: allowed only in the response to HEAD.
pub fn empty_of_length(query: &Query) -> Response {
    Response {
        body: Body::Empty,
        ..with_header("Content-Length", query.text("n").unwrap_or("500"))
    }
}

/// `n=` header fields.
pub fn many_headers(query: &Query) -> Response {
    let count = query.number("n").unwrap_or(1_000);
    let headers = (0..count)
        .map(|number| header(&format!("X-{number}"), "1"))
        .collect();
    Response {
        status: 200,
        headers,
        body: Body::Empty,
    }
}

/// One header field of `n=` bytes.
pub fn big_headers(query: &Query) -> Response {
    let length = query.number("n").unwrap_or(1024 * 1024) as usize;
    Response {
        status: 200,
        headers: vec![header("X-Big", vec![b'x'; length])],
        body: Body::Empty,
    }
}

/// A body of `n=` bytes: the alphabet, repeated.
pub fn big_body(query: &Query) -> Response {
    let length = query.number("n").unwrap_or(1024 * 1024) as usize;
    text((b'a'..=b'z').cycle().take(length).collect::<Vec<u8>>())
}

fn with_header(name: &str, value: &str) -> Response {
    Response {
        status: 200,
        headers: vec![header(name, value)],
        body: Body::Bytes(b"hello".into()),
    }
}
