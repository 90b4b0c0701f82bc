//! The content of a request.

use std::fmt;
use std::io::{self, Cursor, Read};

use crate::Error;
use crate::bindings::wasi::io::streams::{InputStream, StreamError};

/// The content of a request: a stream, which [`Read`] reads as it comes, or [`bytes`](Incoming::bytes) as a whole.
///
/// What is not read is not asked of the client. A client that breaks it off, or sends what is malformed, too large or
/// too slow, is seen as an error of reading; whatever the handler then answers, the server has the last word.
pub struct Incoming(Source);

enum Source {
    None,
    Bytes(Cursor<Vec<u8>>),
    Stream(InputStream),
}

impl Incoming {
    /// That of a request without content.
    pub fn none() -> Incoming {
        Incoming(Source::None)
    }

    /// True if the request has no content. That of one that has may still turn out to have no bytes.
    pub fn is_none(&self) -> bool {
        matches!(self.0, Source::None)
    }

    /// All that is left of it, if that is no more than `limit` bytes.
    ///
    /// # Errors
    ///
    /// 413 where there is more; 400 where the client did not send all of it.
    pub fn bytes(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        // One more than the limit tells what is too long from what just fits.
        self.take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::new(400, error))?;
        if bytes.len() > limit {
            return Err(Error::new(
                413,
                format!("the request's content is longer than {limit} bytes"),
            ));
        }
        Ok(bytes)
    }

    /// The same as text in UTF-8.
    ///
    /// # Errors
    ///
    /// Those of [`bytes`](Incoming::bytes), and 400 where it is not UTF-8.
    pub fn text(&mut self, limit: usize) -> Result<String, Error> {
        let bytes = self.bytes(limit)?;
        String::from_utf8(bytes).map_err(|error| Error::new(400, error))
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::None => Ok(0),
            Source::Bytes(bytes) => bytes.read(buffer),
            Source::Stream(stream) => read(stream, buffer),
        }
    }
}

/// Waits for the client until there is at least a byte, or the end.
fn read(stream: &InputStream, buffer: &mut [u8]) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    match stream.blocking_read(buffer.len() as u64) {
        Ok(bytes) => (&bytes[..]).read(buffer),
        Err(StreamError::Closed) => Ok(0),
        Err(StreamError::LastOperationFailed(error)) => {
            Err(io::Error::other(error.to_debug_string()))
        }
    }
}

impl From<Vec<u8>> for Incoming {
    fn from(bytes: Vec<u8>) -> Incoming {
        Incoming(Source::Bytes(Cursor::new(bytes)))
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

#[cfg(test)]
mod tests {
    use super::Incoming;

    #[test]
    fn the_whole_of_it_is_read_up_to_a_limit() {
        for (content, limit, expected) in [
            ("", 0, Ok("")),
            ("four", 4, Ok("four")),
            ("four", 5, Ok("four")),
            ("four", 3, Err(413)),
            ("four", 0, Err(413)),
        ] {
            let read = Incoming::from(content).text(limit);
            let read = read.as_deref().map_err(crate::Error::status);
            assert_eq!(read, expected, "{content} {limit}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_the_clients_mistake() {
        let text = Incoming::from(vec![0xff]).text(10);
        assert_eq!(text.map_err(|error| error.status()), Err(400));
    }
}
