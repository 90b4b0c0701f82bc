//! The framing of a request: where its body ends, and whether the connection stays open.

use super::reject::Reject;
use crate::syntax::{decimal, trim};
use crate::version::Version;

/// The length of a request's body, and what the request says about the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RequestFraming {
    pub(crate) length: BodyLength,
    /// Whether the client allows another request after this one.
    pub(crate) persistent: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// Whether the client accepts trailers in the response (RFC 9110, section 10.1.4).
    pub(crate) accepts_trailers: bool,
}

/// The length of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// The length in bytes. It is 0 for a request without content.
    Known(u64),
    Chunked,
}

impl RequestFraming {
    /// Parses the fields that determine the framing (RFC 9112, sections 6.3 and 9.3; RFC 9110, section 10.1.1).
    ///
    /// Refuses everything that two recipients could interpret differently, because such requests can be used for
    /// request smuggling.
    pub(crate) fn of<'a>(
        version: Version,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, Reject> {
        let mut content_length = None;
        let mut chunked = false;
        let mut close = false;
        let mut keep_alive = false;
        let mut expects_continue = false;
        let mut accepts_trailers = false;
        for (name, value) in fields {
            if name.eq_ignore_ascii_case("content-length") {
                let length = decimal(value).ok_or(Reject::ContentLength)?;
                if content_length.replace(length).is_some() {
                    return Err(Reject::ContentLength);
                }
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                if version == Version::Http10 {
                    return Err(Reject::TransferEncodingInHttp10);
                }
                if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Reject::TransferEncoding);
                }
                chunked = true;
            } else if name.eq_ignore_ascii_case("connection") {
                for option in value.split(|&byte| byte == b',').map(trim) {
                    close |= option.eq_ignore_ascii_case(b"close");
                    keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            } else if name.eq_ignore_ascii_case("te") {
                let mut codings = value.split(|&byte| byte == b',').map(trim);
                accepts_trailers |= codings.any(|coding| coding.eq_ignore_ascii_case(b"trailers"));
            } else if name.eq_ignore_ascii_case("expect") {
                if !value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Reject::Expectation);
                }
                // RFC 9110, section 10.1.1: a server ignores this expectation in an HTTP/1.0 request.
                expects_continue = version == Version::Http11;
            }
        }
        let length = match (content_length, chunked) {
            (Some(_), true) => return Err(Reject::TwoLengths),
            (None, true) => BodyLength::Chunked,
            (length, false) => BodyLength::Known(length.unwrap_or(0)),
        };
        let persistent = !close && (version == Version::Http11 || keep_alive);
        Ok(Self {
            length,
            persistent,
            expects_continue,
            accepts_trailers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(version: Version, fields: &[(&str, &str)]) -> Result<RequestFraming, Reject> {
        RequestFraming::of(
            version,
            fields.iter().map(|(name, value)| (*name, value.as_bytes())),
        )
    }

    #[test]
    fn accepts_one_body_length_at_most() {
        use BodyLength::{Chunked, Known};
        for (fields, expected) in [
            (&[][..], Ok(Known(0))),
            (&[("Content-Length", "0")], Ok(Known(0))),
            (&[("content-LENGTH", "0042")], Ok(Known(42))),
            (
                &[("content-length", "18446744073709551615")],
                Ok(Known(u64::MAX)),
            ),
            (
                &[("content-length", "18446744073709551616")],
                Err(Reject::ContentLength),
            ),
            (
                &[("content-length", "5"), ("Content-Length", "5")],
                Err(Reject::ContentLength),
            ),
            (&[("content-length", "")], Err(Reject::ContentLength)),
            (&[("content-length", "+5")], Err(Reject::ContentLength)),
            (&[("content-length", "-0")], Err(Reject::ContentLength)),
            (&[("content-length", "0x5")], Err(Reject::ContentLength)),
            (&[("content-length", "5, 5")], Err(Reject::ContentLength)),
            (&[("content-length", "5 ")], Err(Reject::ContentLength)),
            (&[("content-length", "1_0")], Err(Reject::ContentLength)),
            (&[("transfer-encoding", "chunked")], Ok(Chunked)),
            (&[("Transfer-Encoding", "CHUNKED")], Ok(Chunked)),
            (&[("transfer-encoding", "")], Err(Reject::TransferEncoding)),
            (
                &[("transfer-encoding", "identity")],
                Err(Reject::TransferEncoding),
            ),
            (
                &[("transfer-encoding", "gzip, chunked")],
                Err(Reject::TransferEncoding),
            ),
            (
                &[("transfer-encoding", "chunked, chunked")],
                Err(Reject::TransferEncoding),
            ),
            (
                &[("transfer-encoding", "chunked,")],
                Err(Reject::TransferEncoding),
            ),
            (
                &[("transfer-encoding", "\u{b}chunked")],
                Err(Reject::TransferEncoding),
            ),
            (
                &[("transfer-encoding", "xchunked")],
                Err(Reject::TransferEncoding),
            ),
            (
                &[("transfer-encoding", "chunked;a=b")],
                Err(Reject::TransferEncoding),
            ),
            (
                &[
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "chunked"),
                ],
                Err(Reject::TransferEncoding),
            ),
            (
                &[
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "identity"),
                ],
                Err(Reject::TransferEncoding),
            ),
            (
                &[("transfer-encoding", "chunked"), ("content-length", "5")],
                Err(Reject::TwoLengths),
            ),
            (
                &[("content-length", "0"), ("transfer-encoding", "chunked")],
                Err(Reject::TwoLengths),
            ),
        ] {
            let outcome = framing(Version::Http11, fields).map(|framing| framing.length);
            assert_eq!(outcome, expected, "{fields:?}");
        }
        let old = framing(Version::Http10, &[("transfer-encoding", "chunked")]);
        assert_eq!(old, Err(Reject::TransferEncodingInHttp10));
    }

    #[test]
    fn derives_persistence_from_version_and_connection_field() {
        use Version::{Http10, Http11};
        for (version, fields, expected) in [
            (Http11, &[][..], true),
            (Http11, &[("connection", "close")], false),
            (Http11, &[("Connection", "x,\tClose ")], false),
            (
                Http11,
                &[("connection", "keep-alive"), ("connection", "close")],
                false,
            ),
            (Http11, &[("connection", "closed")], true),
            (Http10, &[], false),
            (Http10, &[("connection", "Keep-Alive")], true),
            (Http10, &[("connection", "keep-alive, close")], false),
        ] {
            let outcome = framing(version, fields).map(|framing| framing.persistent);
            assert_eq!(outcome, Ok(expected), "{version:?} {fields:?}");
        }
    }

    #[test]
    fn accepts_trailers_only_if_te_lists_them() {
        for (te, expected) in [
            ("trailers", true),
            ("gzip;q=0.5, Trailers", true),
            ("", false),
            ("gzip, deflate", false),
            ("xtrailers", false),
        ] {
            let framing = framing(Version::Http11, &[("TE", te)]).unwrap();
            assert_eq!(framing.accepts_trailers, expected, "{te}");
        }
    }

    #[test]
    fn rejects_unknown_expectations() {
        let expects = |version, value| {
            framing(version, &[("expect", value)]).map(|framing| framing.expects_continue)
        };
        assert_eq!(expects(Version::Http11, "100-Continue"), Ok(true));
        assert_eq!(expects(Version::Http10, "100-continue"), Ok(false));
        for other in ["", "200-ok", "100-continue, x", "100-continue=1"] {
            assert_eq!(
                expects(Version::Http11, other),
                Err(Reject::Expectation),
                "{other}"
            );
        }
    }
}
