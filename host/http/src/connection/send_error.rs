use std::fmt;
use std::io;

use crate::request::reject::Reject;
use crate::response::invalid::InvalidResponse;

/// What was sent as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub status: u16,
    /// Bytes of content, its coding for the transfer not counted.
    pub body_bytes: u64,
}

/// Why a response was not sent, or not as a whole.
#[derive(Debug)]
pub enum SendError {
    /// It does not fit the request it answers, or the limits. Nothing was sent.
    Invalid(InvalidResponse),
    /// The file has fewer bytes than it should. Nothing was sent.
    FileTooShort,
    /// The stream that is the body failed before anything was sent.
    NotStarted(Cut),
    /// The file cannot be read. Nothing was sent.
    Unreadable(io::Error),
    /// The body did not come to its end after the head was sent, and the connection was cut.
    Cut(Cut),
    /// The connection failed.
    Io(io::Error),
    /// The client took nothing for too long.
    Timeout,
}

/// Why a response was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The file became shorter while it was sent.
    FileShrank,
    /// The stream closed without saying that this is its end.
    StreamUnfinished,
    /// The stream has more or fewer bytes than its length says.
    StreamLength,
    /// The stream had nothing to send for too long.
    StreamSilent,
    /// The stream ended in more trailers than a head may have of fields.
    TrailersTooLarge,
    /// The request's body failed while the stream's source was reading it.
    RequestBody(Reject),
    /// The client went away while the stream had nothing to send.
    ClientGone,
}

impl SendError {
    /// Whether nothing was sent, so that another response can be.
    pub fn nothing_sent(&self) -> bool {
        matches!(
            self,
            Self::Invalid(_) | Self::FileTooShort | Self::NotStarted(_) | Self::Unreadable(_)
        )
    }

    /// Whether the stream that is the body closed without saying that this is its end.
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
            Self::Invalid(invalid) => write!(f, "invalid response: {invalid}"),
            Self::FileTooShort => f.write_str("the file is shorter than its body"),
            Self::NotStarted(cut) => write!(f, "its body failed: {cut}"),
            Self::Unreadable(error) => write!(f, "the file cannot be read: {error}"),
            Self::Cut(cut) => write!(f, "the response was cut: {cut}"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Timeout => f.write_str("the client took nothing for too long"),
        }
    }
}

impl std::error::Error for SendError {}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileShrank => "the file became shorter while it was sent",
            Self::StreamUnfinished => "the stream closed without an end",
            Self::StreamLength => "the stream has other than its length of bytes",
            Self::StreamSilent => {
                "the handler sent nothing for longer than it may (--stream-timeout)"
            }
            Self::TrailersTooLarge => "the stream has more trailers than a head may have fields",
            Self::RequestBody(reject) => return write!(f, "the request's body failed: {reject}"),
            Self::ClientGone => "the client went away",
        })
    }
}
