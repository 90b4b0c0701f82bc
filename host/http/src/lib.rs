//! HTTP/1.1 on the server's side (RFC 9110 and 9112), over any [`Transport`].
//!
//! A [`Connection`] is used in this order, again and again until it is no longer persistent:
//!
//! ```text
//! idle -> next_request -> drive (the handler runs, and may read the body) -> respond
//!              \-> reject (the head was refused)                               |
//!                     \------------------------------------------------> close
//! ```
//!
//! The module knows nothing of who answers. What it promises of a request is that its form was checked: one
//! length of the body, one authority, a target of visible ASCII. What it promises of a response is that its
//! framing is right, or the connection is cut so that nobody takes a part for the whole.

mod connection;
mod date;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod timer;
mod trailers;
mod transport;

use std::time::Duration;

pub use connection::respond::{Cut, SendError, Sent};
pub use connection::{Connection, Gone};
pub use date::now;
pub use request::Request;
pub use request::body::{BodyError, RequestBody};
pub use request::chunked_decoder::{ChunkError, Chunked};
pub use request::head::{Head, Version};
pub use request::reject::Reject;
pub use response::{Body, Frame, InvalidResponse, Response};
pub use trailers::Trailers;
pub use transport::Transport;

/// How much a client may send, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest head of a request in bytes, and the most bytes of fields in a response. No more than 1 MiB
    /// is allowed for, whatever is set here.
    pub max_head: usize,
    /// The longest body of a request in bytes, its chunked coding taken off.
    pub max_body: u64,
    /// From a request's first byte to the end of its head.
    pub header_timeout: Duration,
    /// All the time that a handler may spend waiting for bytes of the body. The allowance grows by a second
    /// for each KiB received, so that a slow but honest client is served.
    pub body_timeout: Duration,
    /// From the end of a response, or the connection's beginning, to the next request's first byte.
    pub idle_timeout: Duration,
    /// How long sending may go without any progress.
    pub send_timeout: Duration,
    /// How long the source of a body that is a stream may go without sending anything.
    pub stream_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_head: 32 << 10,
            max_body: 64 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(30),
            stream_timeout: Duration::from_secs(60),
        }
    }
}

/// The most field lines in a head, of a request and of a response.
const MAX_FIELDS: usize = 128;

/// Whether `byte` may stand in a token (RFC 9110, section 5.6.2), such as a method or a field's name.
fn is_token_byte(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
    ) || byte.is_ascii_alphanumeric()
}

/// Whether `byte` may stand in a field's value (RFC 9110, section 5.5): no control byte but HTAB.
fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Takes white space off both ends: SP and HTAB and nothing else, unlike the standard library's trim.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
