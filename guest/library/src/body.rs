//! The content of a response.

use std::io::{self, Read};

use crate::File;
use crate::bindings::belljar::handler::types;

/// The content of a response.
#[derive(Debug, Default)]
pub enum Body {
    /// No content.
    #[default]
    Empty,
    /// Bytes, or text in UTF-8.
    Bytes(Vec<u8>),
    /// A file, or a part of one, which the server sends.
    File(File),
}

impl Body {
    /// All of it, read where it is a file: for tests, mostly.
    ///
    /// # Errors
    ///
    /// Those of reading the file.
    pub fn into_bytes(self) -> io::Result<Vec<u8>> {
        match self {
            Body::Empty => Ok(Vec::new()),
            Body::Bytes(bytes) => Ok(bytes),
            Body::File(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

impl From<()> for Body {
    fn from((): ()) -> Body {
        Body::Empty
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Bytes(bytes)
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Body {
        Body::Bytes(bytes.into())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Body::Bytes(text.into_bytes())
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Body {
        Body::Bytes(text.into())
    }
}

impl From<File> for Body {
    fn from(file: File) -> Body {
        Body::File(file)
    }
}

impl From<Body> for types::Body {
    fn from(body: Body) -> types::Body {
        match body {
            Body::Empty => types::Body::Empty,
            Body::Bytes(bytes) => types::Body::Bytes(bytes),
            Body::File(file) => file.into(),
        }
    }
}
