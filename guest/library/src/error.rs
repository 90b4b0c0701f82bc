//! The errors of handlers.

use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;

/// What failed: any error, or a text.
pub(crate) type Reason = Box<dyn StdError + Send + Sync>;

/// An error with the status of its response: 500 for errors that `?` converts, unless the handler or this crate chooses
/// another.
///
/// Like `anyhow::Error` it takes any error and any text, and does not implement `std::error::Error` itself.
///
/// ```
/// use belljar_guest::{Error, Request, Response, answer};
///
/// fn handle(request: Request) -> Result<Response, Error> {
///     let id = request.query.ok_or_else(|| Error::new(400, "name an id, as in ?17"))?;
///     Ok(Response::text(std::fs::read_to_string(format!("/no such folder/{id}"))?))
/// }
///
/// assert_eq!(answer(handle, Request::get("/")).status, 400);
/// assert_eq!(answer(handle, Request::get("/?17")).status, 500);
/// ```
pub struct Error {
    status: u16,
    reason: Reason,
}

impl Error {
    /// Creates an error with a status of 400 to 599 and its reason. The client sees the reason if the status is below
    /// 500; otherwise only the server's log has it.
    pub fn new(status: u16, reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error {
            status,
            reason: reason.into(),
        }
    }

    /// The status of the response.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What failed.
    pub fn reason(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.reason
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Error {
    fn from(reason: E) -> Error {
        Error::new(500, reason)
    }
}

/// Shows the reason and its causes.
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
