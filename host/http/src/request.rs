//! A request as the server receives it.

pub(crate) mod authority;
pub(crate) mod body;
pub(crate) mod chunked_decoder;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod head_scanner;
pub(crate) mod reject;
pub(crate) mod span;
pub(crate) mod target;

use self::body::RequestBody;
use self::head::{Head, TargetKind};
use crate::response::Response;
use crate::response::body::Body;

/// A request: its head, and a reader for its body.
#[derive(Debug)]
pub struct Request {
    pub head: Head,
    /// None if the request has no content, or content of length 0.
    pub body: Option<RequestBody>,
    /// Fields that the server adds for the handler. Their names are in lower case and begin with `belljar-`. Handlers
    /// never see fields of such names that the client sent.
    pub added: Vec<(String, String)>,
}

impl Request {
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

/// The methods that handlers may support (RFC 9110, section 9.3, and RFC 5789).
const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
