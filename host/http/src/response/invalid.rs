//! The reasons why a response cannot be sent.

use std::fmt;

use crate::limits::MAX_FIELDS;

/// Why a response cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidResponse {
    /// The status is not in the range 200 to 599.
    Status(u16),
    /// A field name is not a token.
    FieldName(String),
    /// The value of the named field contains a control byte.
    FieldValue(String),
    /// There are more than 128 fields.
    TooManyFields,
    /// The field lines exceed the maximum size of a head.
    FieldsTooLarge { max: usize },
    /// Content-Length is not a single number.
    ContentLength,
    /// Content-Length differs from the length of the body.
    LengthMismatch { declared: u64, actual: u64 },
    /// A response with this status cannot have a body.
    BodyNotAllowed(u16),
}

impl fmt::Display for InvalidResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status} is not in the range 200 to 599"),
            Self::FieldName(name) => write!(
                f,
                "header name {name:?} is not a token (RFC 9110, section 5.6.2)"
            ),
            Self::FieldValue(name) => {
                write!(f, "the value of header {name:?} contains a control byte")
            }
            Self::TooManyFields => write!(f, "the response has more than {MAX_FIELDS} headers"),
            Self::FieldsTooLarge { max } => {
                write!(f, "the headers exceed {max} bytes (--max-head)")
            }
            Self::ContentLength => f.write_str("Content-Length is not a single decimal number"),
            Self::LengthMismatch { declared, actual } => {
                write!(
                    f,
                    "Content-Length is {declared}, but the body has {actual} bytes"
                )
            }
            Self::BodyNotAllowed(status) => {
                write!(f, "a response with status {status} cannot have a body")
            }
        }
    }
}

impl std::error::Error for InvalidResponse {}
