use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

use crate::trailers::Trailers;

/// The content of a response.
#[derive(Debug)]
pub enum Body {
    Empty,
    Bytes(Bytes),
    /// `length` bytes of a regular file from `offset` on.
    File {
        file: Arc<File>,
        offset: u64,
        length: u64,
    },
    /// Bytes as they come. Chunked for HTTP/1.1, unless the `length` is known here or from a Content-Length. The
    /// sender must send [`Frame::End`] or [`Frame::Trailers`]: a channel that closes without it cuts the connection.
    Stream {
        frames: Receiver<Frame>,
        length: Option<u64>,
    },
}

impl Body {
    /// The length of the body, where the body itself tells.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File { length, .. } => Some(*length),
            Self::Stream { length, .. } => *length,
        }
    }
}

/// A part of a body that is a stream.
#[derive(Debug)]
pub enum Frame {
    Data(Bytes),
    /// The end, with fields that are sent after the content where the client takes them and the body is chunked. Those
    /// that may not come there are left out (RFC 9110, section 6.5).
    Trailers(Trailers),
    End,
}
