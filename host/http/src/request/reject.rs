//! The reasons to refuse a request, and the status of each.

use std::fmt;

use super::chunked_decoder::ChunkError;
use crate::limits::MAX_FIELDS;

/// Why the server refuses a request. The server answers it itself and closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// The request line is not `method SP target SP version`.
    RequestLine,
    /// The request line alone exceeds the maximum size of a head.
    TargetTooLong,
    /// The target has a form or contains a byte that is not allowed.
    Target,
    /// The version has the form `HTTP/d.d`, but is neither 1.0 nor 1.1.
    Version,
    /// The head exceeds its maximum size.
    HeadTooLarge,
    /// The head has more than 128 field lines.
    TooManyFields,
    /// A line ends in LF without CR.
    BareLineFeed,
    /// A field line is malformed: its name is not a token, it is folded, or its value contains a control byte.
    Field,
    /// An HTTP/1.1 request has no Host field.
    HostMissing,
    /// The head has more than one Host field.
    HostTwice,
    /// The Host field or the authority of the target is not `host[:port]`.
    Host,
    /// Content-Length is not a single decimal number that fits 64 bits.
    ContentLength,
    /// Transfer-Encoding is not a single `chunked`.
    TransferEncoding,
    /// The head has both Content-Length and Transfer-Encoding.
    TwoLengths,
    /// An HTTP/1.0 request has a Transfer-Encoding.
    TransferEncodingInHttp10,
    /// Expect names something other than `100-continue`.
    Expectation,
    /// The head was not complete in time.
    HeadTimeout,
    /// The body exceeds its maximum size.
    BodyTooLarge,
    /// The body was not received in time.
    BodyTimeout,
    /// The chunked coding of the body is malformed.
    BodyMalformed(ChunkError),
    /// The client closed its side before the end of the body.
    BodyCutShort,
}

impl Reject {
    /// The status of the response.
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
            Self::RequestLine => "the request line is malformed",
            Self::TargetTooLong => {
                "the request line exceeds the maximum size of a head (--max-head)"
            }
            Self::Target => "the request target is malformed",
            Self::Version => "the HTTP version is neither 1.0 nor 1.1",
            Self::HeadTooLarge => "the head exceeds its maximum size (--max-head)",
            Self::TooManyFields => {
                return write!(f, "the head has more than {MAX_FIELDS} field lines");
            }
            Self::BareLineFeed => "a line of the head ends in LF without CR",
            Self::Field => "a field line is malformed",
            Self::HostMissing => "the Host field is missing",
            Self::HostTwice => "there is more than one Host field",
            Self::Host => "the Host field or the authority of the target is malformed",
            Self::ContentLength => "Content-Length is malformed or repeated",
            Self::TransferEncoding => "Transfer-Encoding is not a single `chunked`",
            Self::TwoLengths => "the request has both Content-Length and Transfer-Encoding",
            Self::TransferEncodingInHttp10 => "Transfer-Encoding is not allowed in HTTP/1.0",
            Self::Expectation => "the expectation is not 100-continue",
            Self::HeadTimeout => "the head was not received in time (--header-timeout)",
            Self::BodyTooLarge => "the body exceeds its maximum size (--max-body)",
            Self::BodyTimeout => "the body was not received in time (--body-timeout)",
            Self::BodyMalformed(error) => return write!(f, "the body is malformed: {error}"),
            Self::BodyCutShort => "the client closed the connection before the end of the body",
        })
    }
}

impl std::error::Error for Reject {}
