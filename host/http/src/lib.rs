//! The server side of HTTP/1.1 (RFC 9110 and 9112), over any [`Transport`].
//!
//! A server calls the methods of a [`Connection`] in this order, until the connection is no longer persistent:
//!
//! ```text
//! idle -> next_request -> drive (the handler runs and may read the body) -> respond
//!              \-> reject (the head was refused)                               |
//!                     \------------------------------------------------> close
//! ```
//!
//! The caller answers the requests. The crate guarantees that a request is well-formed: it has one body length, one
//! authority and a target of visible ASCII. It also guarantees that a response has correct framing. If a response
//! cannot be completed, the connection is cut, so that no client takes a part of it for the whole.
//!
//! Where to look:
//!
//! ```text
//! connection/   reading a request, driving the handler, sending the response, closing
//! request/      the head, its parser and framing; the body and the chunked decoder; Reject
//! response/     the response, its framing and its encoder
//! ```

mod client_network;
mod connection;
mod date;
mod limits;
mod pace;
mod rate;
mod request;
mod response;
pub mod settings;
mod syntax;
#[cfg(test)]
mod tests;
mod timer;
mod trailers;
mod transport;
mod version;

pub use client_network::client_network;
pub use connection::Connection;
pub use connection::drive::ClientGone;
pub use connection::send_error::{Cut, SendError, Sent};
pub use date::now;
pub use limits::Limits;
pub use rate::Rate;
pub use request::Request;
pub use request::body::{BodyError, RequestBody};
pub use request::body_sender::BodySender;
pub use request::chunked_decoder::ChunkError;
pub use request::head::Head;
pub use request::reject::Reject;
pub use response::Response;
pub use response::body::{Body, Frame};
pub use response::invalid::InvalidResponse;
pub use trailers::Trailers;
pub use transport::Transport;
pub use version::Version;
