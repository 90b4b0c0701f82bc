//! Responses.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

use crate::bindings;
use crate::{Body, Error, File, Headers, log, media};

/// A response. The server adds `Content-Length`, `Date` and the other fields that frame it.
#[derive(Debug)]
pub struct Response {
    /// The status, 200 to 599.
    pub status: u16,
    /// The header fields. The server sends them in this order.
    pub headers: Headers,
    /// The content. In answer to a HEAD request the server sends the head alone, so a handler need not treat HEAD specially.
    pub body: Body,
}

impl Response {
    /// Creates a response without header fields and content.
    pub fn new(status: u16) -> Response {
        Response {
            status,
            headers: Headers::new(),
            body: Body::Empty,
        }
    }

    /// Creates a 200 response with plain text.
    pub fn text(text: impl Into<String>) -> Response {
        Response::of_type("text/plain; charset=utf-8", text.into())
    }

    /// Creates a 200 response with an HTML page. Text from a request must be escaped first: see
    /// [`escape`](crate::escape()).
    pub fn html(page: impl Into<String>) -> Response {
        Response::of_type("text/html; charset=utf-8", page.into())
    }

    /// Creates a 200 response with a file of a granted folder. Its media type follows from its name. The server sends
    /// the file from the disk to the network itself; its bytes do not pass through the handler's memory.
    ///
    /// The path is a path of the file system, as `std::fs` takes it: a URL's percent-encoding is not decoded. It never leads
    /// out of the granted folders. Files whose names begin with a dot are found like all others.
    ///
    /// # Errors
    ///
    /// The errors of [`File::open`]: 404 or 500.
    pub fn file(path: &str) -> Result<Response, Error> {
        Ok(Response::of_type(media::of(path), File::open(path)?))
    }

    /// Creates a 303 response, which makes the client GET another address, as after a POST (RFC 9110, section 15.4.4).
    pub fn redirect(location: impl Into<String>) -> Response {
        Response::new(303).with_header("Location", location.into())
    }

    /// Creates a 404 response with a line of text.
    pub fn not_found() -> Response {
        Response::text("there is nothing at this address\n").with_status(404)
    }

    /// Sets the status, 200 to 599.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Response {
        self.status = status;
        self
    }

    /// Sets a header field. It replaces all fields with the same name.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Response {
        self.headers.set(name, value);
        self
    }

    /// Sets the content.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Response {
        self.body = body.into();
        self
    }

    pub(crate) fn of_type(media: &str, body: impl Into<Body>) -> Response {
        Response::new(200)
            .with_header("Content-Type", media)
            .with_body(body)
    }
}

impl From<&str> for Response {
    fn from(text: &str) -> Response {
        Response::text(text)
    }
}

impl From<String> for Response {
    fn from(text: String) -> Response {
        Response::text(text)
    }
}

/// Creates a response with the error's status. The client sees the reason of a 4xx. The reason of a 5xx goes to standard
/// error, which is the server's log.
impl From<Error> for Response {
    fn from(error: Error) -> Response {
        let status = error.status();
        if status < 500 {
            return Response::text(format!("{error}\n")).with_status(status);
        }
        log::write(&error);
        Response::text("the server failed to answer this request\n").with_status(status)
    }
}

impl<R: Into<Response>, E: Into<Error>> From<Result<R, E>> for Response {
    fn from(result: Result<R, E>) -> Response {
        match result {
            Ok(response) => response.into(),
            Err(error) => error.into().into(),
        }
    }
}

impl From<Infallible> for Response {
    fn from(never: Infallible) -> Response {
        match never {}
    }
}

impl From<Response> for bindings::Response {
    fn from(response: Response) -> bindings::Response {
        bindings::Response {
            status: response.status,
            headers: response.headers.into(),
            body: response.body.into(),
        }
    }
}
