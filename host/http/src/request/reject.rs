use std::fmt;

use super::chunked_decoder::ChunkError;

/// Why a request was refused for its form. Nobody but the host answers it, and the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// The request line is not `method SP target SP version`.
    RequestLine,
    /// The request line alone is longer than a head may be.
    TargetTooLong,
    /// The target has a form or a byte that is not allowed.
    Target,
    /// The version is of the form `HTTP/d.d`, but neither 1.0 nor 1.1.
    Version,
    /// The head is longer than it may be.
    HeadTooLarge,
    /// The head has more field lines than it may have.
    TooManyFields,
    /// A line ends in LF without CR.
    BareLineFeed,
    /// A field line is malformed: its name is no token, it is folded, or its value has a control byte.
    Field,
    /// HTTP/1.1 without a Host field.
    HostMissing,
    /// More than one Host field.
    HostTwice,
    /// The Host field, or the target's authority, is not `host[:port]`.
    Host,
    /// Content-Length is not a single decimal number that fits 64 bits.
    ContentLength,
    /// Transfer-Encoding is not a single `chunked`.
    TransferEncoding,
    /// Both Content-Length and Transfer-Encoding.
    TwoLengths,
    /// Transfer-Encoding in a request of HTTP/1.0.
    TransferEncodingInHttp10,
    /// Expect names something other than `100-continue`.
    Expectation,
    /// The head did not end in time.
    HeadTimeout,
    /// The body is longer than it may be.
    BodyTooLarge,
    /// The body did not come in time.
    BodyTimeout,
    /// The chunked coding of the body is malformed.
    BodyMalformed(ChunkError),
    /// The client closed its side before the body's end.
    BodyCutShort,
}

impl Reject {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Version => 505,
            Self::TargetTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields => 431,
            Self::Expectation => 417,
            Self::BodyTooLarge => 413,
            Self::HeadTimeout | Self::BodyTimeout => 408,
            _ => 400,
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestLine => "malformed request line",
            Self::TargetTooLong => "the request line is longer than a head may be",
            Self::Target => "malformed request target",
            Self::Version => "a version of HTTP other than 1.0 and 1.1",
            Self::HeadTooLarge => "the head is too large",
            Self::TooManyFields => "too many field lines",
            Self::BareLineFeed => "a line ends in LF without CR",
            Self::Field => "malformed field line",
            Self::HostMissing => "no Host field",
            Self::HostTwice => "more than one Host field",
            Self::Host => "malformed Host field or authority",
            Self::ContentLength => "malformed or repeated Content-Length",
            Self::TransferEncoding => "a Transfer-Encoding other than chunked",
            Self::TwoLengths => "Content-Length and Transfer-Encoding together",
            Self::TransferEncodingInHttp10 => "Transfer-Encoding in HTTP/1.0",
            Self::Expectation => "an expectation other than 100-continue",
            Self::HeadTimeout => "the head did not come in time",
            Self::BodyTooLarge => "the body is too large",
            Self::BodyTimeout => "the body did not come in time",
            Self::BodyMalformed(error) => return write!(f, "malformed body: {error}"),
            Self::BodyCutShort => "the body was cut short",
        })
    }
}

impl std::error::Error for Reject {}
