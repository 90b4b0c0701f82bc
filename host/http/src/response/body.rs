//! The content of a response.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

use crate::trailers::Trailers;

/// The content of a response.
#[derive(Debug)]
pub enum Body {
    /// No content.
    Empty,
    /// Content in memory.
    Bytes(Bytes),
    /// `length` bytes of a regular file, starting at `offset`.
    File {
        file: Arc<File>,
        offset: u64,
        length: u64,
    },
    /// A stream of bytes. It is sent chunked in HTTP/1.1, unless `length` or a Content-Length gives its length. It must
    /// end with [`Frame::End`] or [`Frame::Trailers`]: if the channel closes without either, the connection is cut.
    Stream {
        frames: Receiver<Frame>,
        length: Option<u64>,
    },
}

impl Body {
    /// The length in bytes. None for a stream of unknown length.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File { length, .. } => Some(*length),
            Self::Stream { length, .. } => *length,
        }
    }
}

/// A part of a streamed body.
#[derive(Debug)]
pub enum Frame {
    /// Content. It may be empty.
    Data(Bytes),
    /// The end, with trailers. They are sent if the body is chunked and the client accepts trailers. Forbidden trailers
    /// are left out (RFC 9110, section 6.5).
    Trailers(Trailers),
    /// The end, without trailers.
    End,
}
