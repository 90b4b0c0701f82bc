//! What keeps a handler from its answer.

use std::error::Error as StdError;
use std::fmt;

/// Why there is no answer, and the status that says so: 500 for whatever `?` turns into one, another where the handler
/// or this crate knows better.
///
/// Like `anyhow::Error` it takes any error and any text, and it does not implement `std::error::Error` itself.
///
/// ```
/// use belljar_guest::{Error, Request, Response, answer};
///
/// fn handle(request: Request) -> Result<Response, Error> {
///     let id = request.query.ok_or_else(|| Error::new(400, "say which, as in ?17"))?;
///     Ok(Response::text(std::fs::read_to_string(format!("/no such folder/{id}"))?))
/// }
///
/// assert_eq!(answer(handle, Request::get("/")).status, 400);
/// assert_eq!(answer(handle, Request::get("/?17")).status, 500);
/// ```
pub struct Error {
    status: u16,
    reason: Box<dyn StdError + Send + Sync>,
}

impl Error {
    /// A status, 400 to 599, and why. The client is told the reason of a status below 500; others are for the log.
    pub fn new(status: u16, reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error {
            status,
            reason: reason.into(),
        }
    }

    /// The answer's status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Why.
    pub fn reason(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.reason
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Error {
    fn from(reason: E) -> Error {
        Error::new(500, reason)
    }
}

/// The reason, and the reasons of the reason.
impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.reason)?;
        let mut cause = self.reason.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({self})", self.status)
    }
}
