//! The content of a request.

use alloc::string::String;
use alloc::vec::{self, Vec};
use core::fmt;

use crate::Error;
use crate::bindings::wasi::io::streams::{InputStream, StreamError};
use crate::error::Reason;

/// The content of a request, as a stream.
///
/// [`bytes`](Incoming::bytes) and [`text`](Incoming::text) read all of it; with the feature `std`, `std::io::Read` reads
/// it piece by piece. The server asks the client only for what the handler reads. Reading fails if the client disconnects,
/// or if the content is malformed, too large or too slow; the server then sends its own error response, whatever the
/// handler returns.
pub struct Incoming(Source);

enum Source {
    None,
    Bytes(vec::IntoIter<u8>),
    Stream(InputStream),
}

impl Incoming {
    /// The content of a request that has none.
    pub fn none() -> Incoming {
        Incoming(Source::None)
    }

    /// True if the request has no content. Content that is present may still be empty.
    pub fn is_none(&self) -> bool {
        matches!(self.0, Source::None)
    }

    /// Reads the rest of the content, up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// 413 if there are more bytes than the limit; 400 if the client did not send all of its content.
    pub fn bytes(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        // One byte more than the limit shows that the content is too long.
        while bytes.len() <= limit {
            let most = (limit - bytes.len()).saturating_add(1);
            let mut next = self.next(most).map_err(|reason| Error::new(400, reason))?;
            if next.is_empty() {
                return Ok(bytes);
            }
            bytes.append(&mut next);
        }
        Err(Error::new(
            413,
            alloc::format!("the request's content is longer than {limit} bytes"),
        ))
    }

    /// Reads the rest of the content as UTF-8 text, up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// The errors of [`bytes`](Incoming::bytes), and 400 if the content is not UTF-8.
    pub fn text(&mut self, limit: usize) -> Result<String, Error> {
        let bytes = self.bytes(limit)?;
        String::from_utf8(bytes).map_err(|error| Error::new(400, error))
    }

    /// Waits for the client until there is at least one byte, and returns up to `most` of them; none at the end.
    fn next(&mut self, most: usize) -> Result<Vec<u8>, Reason> {
        match &mut self.0 {
            Source::None => Ok(Vec::new()),
            Source::Bytes(bytes) => Ok(bytes.take(most).collect()),
            Source::Stream(stream) => match stream.blocking_read(most.min(READ_SIZE) as u64) {
                Ok(bytes) => Ok(bytes),
                Err(StreamError::Closed) => Ok(Vec::new()),
                Err(StreamError::LastOperationFailed(error)) => Err(error.to_debug_string().into()),
            },
        }
    }
}

#[cfg(feature = "std")]
impl std::io::Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let bytes = self.next(buffer.len()).map_err(std::io::Error::other)?;
        bytes.as_slice().read(buffer)
    }
}

impl From<Vec<u8>> for Incoming {
    fn from(bytes: Vec<u8>) -> Incoming {
        Incoming(Source::Bytes(bytes.into_iter()))
    }
}

impl From<&[u8]> for Incoming {
    fn from(bytes: &[u8]) -> Incoming {
        bytes.to_vec().into()
    }
}

impl From<String> for Incoming {
    fn from(text: String) -> Incoming {
        text.into_bytes().into()
    }
}

impl From<&str> for Incoming {
    fn from(text: &str) -> Incoming {
        text.as_bytes().into()
    }
}

impl From<()> for Incoming {
    fn from((): ()) -> Incoming {
        Incoming::none()
    }
}

impl From<Option<InputStream>> for Incoming {
    fn from(stream: Option<InputStream>) -> Incoming {
        Incoming(stream.map_or(Source::None, Source::Stream))
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Source::None => "Incoming(none)",
            Source::Bytes(_) | Source::Stream(_) => "Incoming(..)",
        })
    }
}

/// The most that one call to the server asks for, in bytes.
const READ_SIZE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::Incoming;

    #[test]
    fn reads_content_up_to_the_limit() {
        for (content, limit, expected) in [
            ("", 0, Ok("")),
            ("four", 4, Ok("four")),
            ("four", 5, Ok("four")),
            ("four", usize::MAX, Ok("four")),
            ("four", 3, Err(413)),
            ("four", 0, Err(413)),
        ] {
            let read = Incoming::from(content).text(limit);
            let read = read.as_deref().map_err(crate::Error::status);
            assert_eq!(read, expected, "{content} {limit}");
        }
    }

    #[test]
    fn refuses_text_that_is_not_utf_8() {
        let text = Incoming::from(vec![0xff]).text(10);
        assert_eq!(text.map_err(|error| error.status()), Err(400));
    }

    #[cfg(feature = "std")]
    #[test]
    fn reads_content_piece_by_piece() {
        use std::io::Read;

        let mut content = Incoming::from("seven..");
        let mut piece = [0; 3];
        let mut seen = Vec::new();
        while let count @ 1.. = content.read(&mut piece).expect("bytes can be read") {
            seen.push(String::from_utf8_lossy(&piece[..count]).into_owned());
        }
        assert_eq!(seen, ["sev", "en.", "."]);
    }
}
