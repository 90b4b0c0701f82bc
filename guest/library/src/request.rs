//! Requests.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::bindings;
use crate::{Headers, Incoming};

/// A request. The server has checked its head.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// The method as sent, case-sensitive, such as `GET`.
    pub method: String,
    /// How the client reached the server.
    pub scheme: Scheme,
    /// Host and optional port. None in an HTTP/1.0 request without them.
    pub authority: Option<String>,
    /// The path as sent, without the [`mount`](Request::mount): it begins with `/`, is percent-encoded, and may have dot
    /// segments.
    pub path: String,
    /// The text after the first `?`, as sent. None if there is no `?`.
    pub query: Option<String>,
    /// The header fields in the order they were sent.
    pub headers: Headers,
    /// The client's address and port, such as `192.0.2.7:50112` or `[2001:db8::7]:50112`.
    pub client: String,
    /// The content. The server reads only as much of it as the handler does.
    pub body: Incoming,
}

/// How the client reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Without encryption.
    Http,
    /// Over TLS.
    Https,
}

impl Request {
    /// Creates a request for tests. `target` is a path with an optional query; the client's address is 127.0.0.1.
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

    /// Creates a GET request for tests.
    pub fn get(target: &str) -> Request {
        Request::new("GET", target, Incoming::none())
    }

    /// Creates a POST request for tests.
    pub fn post(target: &str, body: impl Into<Incoming>) -> Request {
        Request::new("POST", target, body)
    }

    /// Adds a header field.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Request {
        self.headers.append(name, value);
        self
    }

    /// The value of the first header field with this name, in any case; None if there is no such field, or if its value is
    /// not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The prefix of the path that the handler is mounted at, such as `/api/hello`, percent-encoded; empty if it serves
    /// every path. The server removes it from the path, and clients cannot forge it.
    pub fn mount(&self) -> &str {
        self.header("belljar-mount").unwrap_or_default()
    }

    /// The address of a path of this handler, for a link or a redirect: `/greet` becomes `/api/hello/greet` for a handler
    /// that is mounted at `/api/hello`. It is percent-encoded if `path` is; a page has to escape it.
    ///
    /// ```
    /// use belljar_guest::Request;
    ///
    /// let request = Request::get("/").with_header("belljar-mount", "/api/hello");
    /// assert_eq!(request.link("/greet?name=you"), "/api/hello/greet?name=you");
    /// assert_eq!(Request::get("/").link("/greet"), "/greet");
    /// ```
    pub fn link(&self, path: &str) -> String {
        [self.mount(), path].concat()
    }

    /// True if `accepted` accepts the media type of the content, without its parameters (RFC 9110, section 8.3.1).
    #[cfg(any(feature = "form", feature = "json"))]
    pub(crate) fn has_media_type(&self, accepted: impl Fn(&str) -> bool) -> bool {
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
