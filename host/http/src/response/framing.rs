//! The framing of a response.

use super::Response;
use super::body::Body;
use super::invalid::InvalidResponse;
use crate::version::Version;

/// How a response marks its end (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseFraming {
    /// There is no body, and the head does not mention one.
    None,
    Length(u64),
    Chunked,
    /// The body ends with the connection, for HTTP/1.0 clients.
    Close,
}

impl Response {
    /// The framing of the response to a request of this version. `head_only` is true for HEAD.
    ///
    /// # Errors
    ///
    /// If the Content-Length differs from the length of the body.
    pub(crate) fn framing(
        &self,
        version: Version,
        head_only: bool,
    ) -> Result<ResponseFraming, InvalidResponse> {
        if self.is_bodiless() {
            return Ok(ResponseFraming::None);
        }
        let has_no_content = head_only && matches!(self.body, Body::Empty);
        match (self.body().length(), self.declared) {
            (_, declared) if has_no_content => {
                Ok(declared.map_or(ResponseFraming::None, ResponseFraming::Length))
            }
            (Some(actual), Some(declared)) if actual != declared => {
                Err(InvalidResponse::LengthMismatch { declared, actual })
            }
            (Some(length), _) | (None, Some(length)) => Ok(ResponseFraming::Length(length)),
            (None, None) if head_only => Ok(ResponseFraming::None),
            (None, None) if version == Version::Http10 => Ok(ResponseFraming::Close),
            (None, None) => Ok(ResponseFraming::Chunked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &str) -> (String, Vec<u8>) {
        (name.into(), value.into())
    }

    fn bytes(length: usize) -> Body {
        Body::Bytes(vec![b'x'; length].into())
    }

    fn stream(length: Option<u64>) -> Body {
        Body::Stream {
            frames: tokio::sync::mpsc::channel(1).1,
            length,
        }
    }

    #[test]
    fn derives_framing_from_body_method_status_and_version() {
        use ResponseFraming::{Chunked, Close, Length, None as Nothing};
        use Version::{Http10, Http11};
        let mismatch = |declared, actual| Err(InvalidResponse::LengthMismatch { declared, actual });
        for (status, declared, body, version, head_only, expected) in [
            (200, None, Body::Empty, Http11, false, Ok(Length(0))),
            (200, None, Body::Empty, Http11, true, Ok(Nothing)),
            (200, Some(7), Body::Empty, Http11, true, Ok(Length(7))),
            (200, Some(7), Body::Empty, Http11, false, mismatch(7, 0)),
            (200, Some(0), Body::Empty, Http11, false, Ok(Length(0))),
            (404, None, bytes(3), Http11, false, Ok(Length(3))),
            (404, None, bytes(3), Http11, true, Ok(Length(3))),
            (200, Some(3), bytes(3), Http11, false, Ok(Length(3))),
            (200, Some(4), bytes(3), Http11, false, mismatch(4, 3)),
            (200, Some(4), bytes(3), Http11, true, mismatch(4, 3)),
            (204, None, Body::Empty, Http11, false, Ok(Nothing)),
            (204, Some(0), bytes(0), Http11, false, Ok(Nothing)),
            (304, Some(9), Body::Empty, Http11, false, Ok(Nothing)),
            (304, None, stream(None), Http11, false, Ok(Nothing)),
            (200, None, stream(None), Http11, false, Ok(Chunked)),
            (200, None, stream(None), Http11, true, Ok(Nothing)),
            (200, None, stream(None), Http10, false, Ok(Close)),
            (200, None, stream(None), Http10, true, Ok(Nothing)),
            (200, None, stream(Some(5)), Http10, false, Ok(Length(5))),
            (200, Some(5), stream(None), Http11, false, Ok(Length(5))),
            (200, Some(5), stream(Some(6)), Http11, false, mismatch(5, 6)),
        ] {
            let fields = declared.map(|length: u64| field("Content-Length", &length.to_string()));
            let response = Response::new(status, fields.into_iter().collect(), body).unwrap();
            let case = format!("{response:?} {version:?} {head_only}");
            assert_eq!(response.framing(version, head_only), expected, "{case}");
        }
    }
}
