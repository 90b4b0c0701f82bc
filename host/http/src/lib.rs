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
mod limits;
mod request;
mod response;
mod syntax;
#[cfg(test)]
mod tests;
mod timer;
mod trailers;
mod transport;
mod version;

pub use connection::Connection;
pub use connection::drive::ClientGone;
pub use connection::send_error::{Cut, SendError, Sent};
pub use date::now;
pub use limits::Limits;
pub use request::Request;
pub use request::body::{BodyError, RequestBody};
pub use request::chunked_decoder::{ChunkError, ChunkedDecoder};
pub use request::head::Head;
pub use request::reject::Reject;
pub use response::Response;
pub use response::body::{Body, Frame};
pub use response::invalid::InvalidResponse;
pub use trailers::Trailers;
pub use transport::Transport;
pub use version::Version;
