//! What the handler answers.

use std::convert::Infallible;
use std::io::ErrorKind;

use crate::bindings;
use crate::{Body, Error, File, Headers, media};

/// One response. The server adds `Content-Length`, `Date` and what else belongs to the framing.
#[derive(Debug)]
pub struct Response {
    /// 200 to 599.
    pub status: u16,
    /// Sent in this order.
    pub headers: Headers,
    /// Given to a HEAD request too: the server then sends the head alone.
    pub body: Body,
}

impl Response {
    /// A response without headers and body.
    pub fn new(status: u16) -> Response {
        Response {
            status,
            headers: Headers::new(),
            body: Body::Empty,
        }
    }

    /// 200 with plain text.
    pub fn text(text: impl Into<String>) -> Response {
        Response::of_type("text/plain; charset=utf-8", text.into())
    }

    /// 200 with a page. What goes into it of a request must have been escaped: see [`escape`](crate::escape()).
    pub fn html(page: impl Into<String>) -> Response {
        Response::of_type("text/html; charset=utf-8", page.into())
    }

    /// 200 with a file that the operator granted, and the media type of its name. The server sends it from the disk
    /// to the network itself: its bytes do not pass through the handler's memory.
    ///
    /// The path is one of the file system, as `std::fs` takes it: an URL's percent-encoding is not taken off. It
    /// never leads out of the granted folders. Files whose names begin with a dot are found like all others.
    ///
    /// # Errors
    ///
    /// 404 where there is no such file, or where it is no regular file; 500 where it could not be opened.
    pub fn file(path: &str) -> Result<Response, Error> {
        let file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(404, error),
            _ => error.into(),
        })?;
        Ok(Response::of_type(media::of(path), file))
    }

    /// Sends the client elsewhere, to look at it there with GET: 303 (RFC 9110, section 15.4.4), the end of a POST.
    pub fn redirect(location: impl Into<String>) -> Response {
        Response::new(303).with_header("Location", location.into())
    }

    /// 404 with a line of text.
    pub fn not_found() -> Response {
        Response::text("there is nothing at this address\n").with_status(404)
    }

    /// The same with another status: 200 to 599.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Response {
        self.status = status;
        self
    }

    /// The same with this value for the header, in place of any that it had.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Response {
        self.headers.set(name, value);
        self
    }

    /// The same with another body.
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

/// The error's status. Where that is of the client's doing (4xx), the reason is the answer's text; else the client
/// learns nothing of it, and it goes to standard error, which is the server's log.
impl From<Error> for Response {
    fn from(error: Error) -> Response {
        let status = error.status();
        if status < 500 {
            return Response::text(format!("{error}\n")).with_status(status);
        }
        eprintln!("{error}");
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
