//! The outcome of sending a response.

use std::fmt;
use std::io;

use crate::request::reject::Reject;
use crate::response::invalid::InvalidResponse;

/// A response that was sent completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The status of the response.
    pub status: u16,
    /// The length of the content in bytes, without its transfer coding.
    pub body_bytes: u64,
}

/// Why a response was not sent, or not sent completely.
#[derive(Debug)]
pub enum SendError {
    /// The response does not fit its request or exceeds a limit. Nothing was sent.
    Invalid(InvalidResponse),
    /// The file is shorter than the body should be. Nothing was sent.
    FileTooShort,
    /// The streamed body failed before anything was sent.
    NotStarted(Cut),
    /// The file cannot be read. Nothing was sent.
    Unreadable(io::Error),
    /// The body failed after the head was sent. The connection was cut.
    Cut(Cut),
    /// The connection failed.
    Io(io::Error),
    /// The client took less than the minimum rate for too long.
    TooSlow,
}

/// Why a response was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The file was truncated while it was sent.
    FileShrank,
    /// The stream closed without [`Frame::End`](crate::Frame::End) or trailers.
    StreamUnfinished,
    /// The stream has more or fewer bytes than its declared length.
    StreamLength,
    /// The stream produced nothing for too long.
    StreamSilent,
    /// The trailers exceed the limits of a head.
    TrailersTooLarge,
    /// The request's body failed while the handler read it.
    RequestBody(Reject),
    /// The client closed the connection while the stream produced nothing.
    ClientGone,
}

impl SendError {
    /// Whether nothing was sent, so that another response can be sent.
    pub fn nothing_sent(&self) -> bool {
        matches!(
            self,
            Self::Invalid(_) | Self::FileTooShort | Self::NotStarted(_) | Self::Unreadable(_)
        )
    }

    /// Whether the client or its network is the reason, and neither the server nor the handler.
    pub fn is_of_client(&self) -> bool {
        matches!(
            self,
            Self::Io(_) | Self::TooSlow | Self::Cut(Cut::ClientGone | Cut::RequestBody(_))
        )
    }

    /// Whether the streamed body closed without its end.
    pub fn is_unfinished(&self) -> bool {
        matches!(
            self,
            Self::NotStarted(Cut::StreamUnfinished) | Self::Cut(Cut::StreamUnfinished)
        )
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => write!(f, "{invalid}"),
            Self::FileTooShort => f.write_str("the file is shorter than the body should be"),
            Self::NotStarted(cut) => write!(f, "the body failed: {cut}"),
            Self::Unreadable(error) => write!(f, "the file cannot be read: {error}"),
            Self::Cut(cut) => write!(f, "{cut}"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::TooSlow => f.write_str(
                "the client took its response too slowly for too long (--min-data-rate, --send-timeout)",
            ),
        }
    }
}

impl std::error::Error for SendError {}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileShrank => "the file was truncated while it was sent",
            Self::StreamUnfinished => "the handler did not finish the body",
            Self::StreamLength => "the body is longer or shorter than its declared length",
            Self::StreamSilent => "the handler sent nothing for too long (--stream-timeout)",
            Self::TrailersTooLarge => "the trailers exceed the limits of a head",
            Self::RequestBody(reject) => return write!(f, "the request's body failed: {reject}"),
            Self::ClientGone => "the client closed the connection",
        })
    }
}
