use std::fmt;

use crate::limits::MAX_FIELDS;

/// Why something cannot be sent as a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidResponse {
    /// The status is not of 200 to 599.
    Status(u16),
    /// A field's name is no token.
    FieldName(String),
    /// The value of the named field has a control byte.
    FieldValue(String),
    /// There are more than 128 fields.
    TooManyFields,
    /// The fields have more bytes than a head may have.
    FieldsTooLarge { max: usize },
    /// Content-Length is not a single number.
    ContentLength,
    /// Content-Length says other than the body.
    LengthMismatch { declared: u64, actual: u64 },
    /// The status allows no body.
    BodyNotAllowed(u16),
}

impl fmt::Display for InvalidResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status} is not of 200 to 599"),
            Self::FieldName(name) => write!(
                f,
                "header name {name:?} is no token (RFC 9110, section 5.6.2)"
            ),
            Self::FieldValue(name) => write!(f, "the value of header {name:?} has a control byte"),
            Self::TooManyFields => write!(f, "more than {MAX_FIELDS} headers"),
            Self::FieldsTooLarge { max } => write!(f, "the headers have more than {max} bytes"),
            Self::ContentLength => f.write_str("Content-Length is not a single decimal number"),
            Self::LengthMismatch { declared, actual } => {
                write!(
                    f,
                    "Content-Length says {declared}, but the body has {actual} bytes"
                )
            }
            Self::BodyNotAllowed(status) => write!(f, "a response of status {status} has no body"),
        }
    }
}

impl std::error::Error for InvalidResponse {}
