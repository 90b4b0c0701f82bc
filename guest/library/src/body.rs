//! The content of a response.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bindings::belljar::handler::types;
use crate::{Error, File};

/// The content of a response.
#[derive(Debug, Default)]
pub enum Body {
    /// No content.
    #[default]
    Empty,
    /// Bytes, or UTF-8 text.
    Bytes(Vec<u8>),
    /// A file or a part of one. The server sends it.
    File(File),
}

impl Body {
    /// Returns the content, and reads it if it is a file. Meant for tests.
    ///
    /// # Errors
    ///
    /// 500 if the file cannot be read.
    pub fn into_bytes(self) -> Result<Vec<u8>, Error> {
        match self {
            Body::Empty => Ok(Vec::new()),
            Body::Bytes(bytes) => Ok(bytes),
            Body::File(file) => file.into_bytes(),
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
