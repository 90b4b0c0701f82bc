//! What the handler is asked.

use crate::bindings;
use crate::{Headers, Incoming};

/// One request, its head already checked by the server.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// The method as sent, case-sensitive, such as `GET`.
    pub method: String,
    /// The scheme by which the client reached the server.
    pub scheme: Scheme,
    /// Host and optional port. None in a request of HTTP/1.0 that names neither.
    pub authority: Option<String>,
    /// The path as sent: it begins with `/`, is still percent-encoded, and its dot segments are not removed.
    pub path: String,
    /// What follows the first `?`, as sent.
    pub query: Option<String>,
    /// The field lines in the order they came.
    pub headers: Headers,
    /// The client's address and port: `192.0.2.7:50112`, `[2001:db8::7]:50112`.
    pub client: String,
    /// The content, read only as far as the handler reads it.
    pub body: Incoming,
}

/// How the client reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Request {
    /// A request for a target, a path and perhaps a query, as a client at 127.0.0.1 would send it: for tests.
    pub fn new(method: impl Into<String>, target: &str, body: impl Into<Incoming>) -> Request {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Request {
            method: method.into(),
            scheme: Scheme::Http,
            authority: Some("localhost".to_owned()),
            path: path.to_owned(),
            query,
            headers: Headers::new(),
            client: "127.0.0.1:50112".to_owned(),
            body: body.into(),
        }
    }

    /// A GET request: for tests.
    pub fn get(target: &str) -> Request {
        Request::new("GET", target, Incoming::none())
    }

    /// A POST request: for tests.
    pub fn post(target: &str, body: impl Into<Incoming>) -> Request {
        Request::new("POST", target, body)
    }

    /// The same with one field line more.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Request {
        self.headers.append(name, value);
        self
    }

    /// The value of the first field line of that name, in any case; None where there is none, or where it is no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// True if the content is said to be of that type, whatever parameters follow it (RFC 9110, section 8.3.1).
    #[cfg(any(feature = "form", feature = "json"))]
    pub(crate) fn is_of_type(&self, accepted: impl Fn(&str) -> bool) -> bool {
        let value = self.header("content-type").unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default();
        accepted(&essence.trim().to_ascii_lowercase())
    }
}

impl From<bindings::Request> for Request {
    fn from(request: bindings::Request) -> Request {
        Request {
            method: request.method,
            scheme: match request.scheme {
                bindings::belljar::handler::types::Scheme::Http => Scheme::Http,
                bindings::belljar::handler::types::Scheme::Https => Scheme::Https,
            },
            authority: request.authority,
            path: request.path,
            query: request.query,
            headers: request.headers.into(),
            client: request.client,
            body: request.body.into(),
        }
    }
}
