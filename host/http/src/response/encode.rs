//! The encoder of responses: heads, chunks and trailers.

use std::io::Write;

use super::Response;
use super::framing::ResponseFraming;
use super::status::reason_phrase;
use crate::date;
use crate::syntax::{is_token_byte, is_value_byte};
use crate::trailers::{self, Trailers};

/// What the head says about the connection (RFC 9112, section 9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// The connection stays open, which is the default in HTTP/1.1.
    Silent,
    /// The connection stays open, and an HTTP/1.0 client must be told so.
    KeepAlive,
    Close,
}

/// Appends the head of a response.
pub(crate) fn head(
    response: &Response,
    framing: ResponseFraming,
    persistence: Persistence,
    output: &mut Vec<u8>,
) {
    let status = response.status();
    output.extend_from_slice(b"HTTP/1.1 ");
    decimal(u64::from(status), output);
    output.push(b' ');
    output.extend_from_slice(reason_phrase(status).as_bytes());
    output.extend_from_slice(b"\r\nServer: belljar\r\nDate: ");
    output.extend_from_slice(&date::now());
    output.extend_from_slice(b"\r\n");
    for (name, value) in response.fields() {
        field(name, value, output);
    }
    match framing {
        ResponseFraming::Length(length) => {
            output.extend_from_slice(b"Content-Length: ");
            decimal(length, output);
            output.extend_from_slice(b"\r\n");
        }
        ResponseFraming::Chunked => output.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        ResponseFraming::None | ResponseFraming::Close => {}
    }
    output.extend_from_slice(match persistence {
        Persistence::Silent => b"\r\n",
        Persistence::KeepAlive => b"Connection: keep-alive\r\n\r\n",
        Persistence::Close => b"Connection: close\r\n\r\n",
    });
}

/// Appends the line before a chunk of `length` bytes (RFC 9112, section 7.1). The caller appends CRLF after the chunk.
pub(crate) fn chunk_size(length: usize, output: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    let _ = write!(output, "{length:x}\r\n");
}

/// Appends the end of a chunked body. Malformed and forbidden trailers are left out.
pub(crate) fn last_chunk(trailers: &Trailers, output: &mut Vec<u8>) {
    output.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        let well_formed = !name.is_empty()
            && name.bytes().all(is_token_byte)
            && value.iter().copied().all(is_value_byte);
        if well_formed && trailers::is_allowed(name) {
            field(name, value, output);
        }
    }
    output.extend_from_slice(b"\r\n");
}

fn field(name: &str, value: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(name.as_bytes());
    output.extend_from_slice(b": ");
    output.extend_from_slice(value);
    output.extend_from_slice(b"\r\n");
}

fn decimal(number: u64, output: &mut Vec<u8>) {
    output.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::body::Body;

    fn text(response: &Response, framing: ResponseFraming, persistence: Persistence) -> String {
        let mut output = Vec::new();
        head(response, framing, persistence, &mut output);
        let text = String::from_utf8(output).unwrap();
        let (before, rest) = text.split_once("Date: ").unwrap();
        let (_, after) = rest.split_at(29);
        format!("{before}Date: *{after}")
    }

    #[test]
    fn encodes_the_fields_of_server_and_handler() {
        let fields = vec![
            ("ETag".into(), b"\"x\"".to_vec()),
            ("a".into(), b"".to_vec()),
        ];
        let response = Response::new(206, fields, Body::Empty).unwrap();
        let start =
            "HTTP/1.1 206 Partial Content\r\nServer: belljar\r\nDate: *\r\nETag: \"x\"\r\na: \r\n";
        for (framing, persistence, end) in [
            (
                ResponseFraming::Length(u64::MAX),
                Persistence::Silent,
                "Content-Length: 18446744073709551615\r\n\r\n",
            ),
            (
                ResponseFraming::Chunked,
                Persistence::Silent,
                "Transfer-Encoding: chunked\r\n\r\n",
            ),
            (
                ResponseFraming::None,
                Persistence::KeepAlive,
                "Connection: keep-alive\r\n\r\n",
            ),
            (
                ResponseFraming::Close,
                Persistence::Close,
                "Connection: close\r\n\r\n",
            ),
        ] {
            assert_eq!(
                text(&response, framing, persistence),
                format!("{start}{end}")
            );
        }
    }

    #[test]
    fn keeps_the_space_after_a_status_without_phrase() {
        let response = Response::new(299, Vec::new(), Body::Empty).unwrap();
        let text = text(&response, ResponseFraming::Length(0), Persistence::Silent);
        assert!(text.starts_with("HTTP/1.1 299 \r\n"), "{text}");
    }

    #[test]
    fn encodes_allowed_trailers_in_the_last_chunk() {
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let trailers = vec![
            field("X-Sum", "7"),
            field("Content-Length", "1"),
            field("set-cookie", "a=b"),
            field("x y", "z"),
            field("x", "y\r\nz: 1"),
        ];
        let mut output = Vec::new();
        last_chunk(&trailers, &mut output);
        last_chunk(&Vec::new(), &mut output);
        assert_eq!(output, b"0\r\nX-Sum: 7\r\n\r\n0\r\n\r\n");
    }

    #[test]
    fn encodes_chunk_sizes_in_hexadecimal() {
        let mut output = Vec::new();
        chunk_size(0xabcd, &mut output);
        assert_eq!(output, b"abcd\r\n");
    }
}
