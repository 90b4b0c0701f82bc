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

/// One request: its head, and its body while that is still on the way.
#[derive(Debug)]
pub struct Request {
    pub head: Head,
    /// None where the request has no content: neither length nor chunks, or a length of 0.
    pub body: Option<RequestBody>,
    /// Fields that the server tells the handler besides, by names in lower case that begin with `belljar-`. They are
    /// not the client's: what it sends by such names no handler is given.
    pub added: Vec<(String, String)>,
}

impl Request {
    /// The answer to a request that is not about a resource, and so is the host's to answer: CONNECT and TRACE,
    /// which are not granted, and `OPTIONS *`. None for all that a handler answers.
    pub fn host_answer(&self) -> Option<Response> {
        match (self.head.kind(), self.head.method()) {
            (TargetKind::Tunnel, _) | (_, "CONNECT" | "TRACE") => {
                Some(Response::error(405).with_field("Allow", ALLOW))
            }
            (TargetKind::Server, _) => {
                Some(Response::host(204, Body::Empty).with_field("Allow", ALLOW))
            }
            (TargetKind::Resource, _) => None,
        }
    }
}

/// The methods that some handler might grant (RFC 9110, section 9.3, and RFC 5789).
const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
