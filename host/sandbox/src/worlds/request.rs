//! Converts a request for wasi:http.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{PathAndQuery, Uri};
use hyper::{Method, Request};
use wasmtime_wasi_http::Error;

use belljar_http::{self as message, BodyError, Head, RequestBody, Trailers};

/// The body of a request. Nothing is read from the client before the guest asks.
pub(super) struct Content(Option<RequestBody>);

/// Converts a request: method, path and query as sent, and all fields but those of the connection. The Host field becomes the
/// authority of the request; wasi:http hides it from the fields and passes it separately. The address of the client, for which
/// wasi:http has no place, becomes a field.
pub(super) fn convert(request: message::Request, client: &str) -> Request<Content> {
    let message::Request { head, body, added } = request;
    let mut converted = Request::new(Content(body));
    // The parser has checked that the method is a token.
    *converted.method_mut() = Method::from_bytes(head.method().as_bytes()).unwrap_or_default();
    *converted.uri_mut() = path_with_query(&head).map(Uri::from).unwrap_or_default();
    *converted.headers_mut() = fields(&head, &added);
    if let Ok(client) = HeaderValue::from_str(client) {
        converted.headers_mut().insert(CLIENT, client);
    }
    converted
}

/// The server drops the fields of a client whose names begin with `belljar-`, so a handler can trust this one.
const CLIENT: HeaderName = HeaderName::from_static("belljar-client");

/// Requests may contain some bytes that a URI may not, and browsers send a few of them. The guest gets them
/// percent-encoded, which means the same (RFC 3986, section 2.4).
fn path_with_query(head: &Head) -> Option<PathAndQuery> {
    let mut text = head.path().to_owned();
    if let Some(query) = head.query() {
        text.push('?');
        text.push_str(query);
    }
    PathAndQuery::try_from(text.as_str())
        .or_else(|_| PathAndQuery::try_from(encoded(&text)))
        .ok()
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => {
                encoded.push_str(&format!("%{:02X}", u32::from(c)));
            }
            c => encoded.push(c),
        }
    }
    encoded
}

fn fields(head: &Head, added: &[(String, String)]) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(16);
    let added = added
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    for (name, value) in head.handler_fields().chain(added) {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value);
        if let (Ok(name), Ok(value)) = (name, value)
            && name != HOST
        {
            // The map can hold more fields than a request may have.
            let _ = fields.try_append(name, value);
        }
    }
    let authority = head.authority().map(HeaderValue::from_str);
    if let Some(Ok(authority)) = authority {
        fields.insert(HOST, authority);
    }
    fields
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let frame = match ready!(body.poll_read(context, MAX_FRAME)) {
            Ok(Some(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Ok(None) => trailers(body.take_trailers()),
            Err(error) => Some(Err(code(error))),
        };
        self.0 = None;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.0 {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

fn trailers(trailers: Trailers) -> Option<Result<Frame<Bytes>, Error>> {
    if trailers.is_empty() {
        return None;
    }
    let mut fields = HeaderMap::new();
    for (name, value) in trailers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            let _ = fields.try_append(name, value);
        }
    }
    Some(Ok(Frame::trailers(fields)))
}

fn code(error: BodyError) -> Error {
    match error {
        BodyError::TooLarge => Error::HttpRequestBodySize(None),
        BodyError::TooSlow => Error::ConnectionReadTimeout,
        BodyError::Malformed(_) => Error::HttpProtocolError,
        BodyError::CutShort | BodyError::Answered => Error::ConnectionTerminated,
    }
}

/// The most bytes that the guest gets at a time.
const MAX_FRAME: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encodes_bytes_that_a_uri_may_not_contain() {
        for (text, expected) in [
            ("/?q=<b>", "/?q=%3Cb%3E"),
            ("/\"{}|\\^`", "/%22%7B%7D%7C%5C%5E%60"),
            ("/%41/;a=b,c?d=e/?:@!$'()*+", "/%41/;a=b,c?d=e/?:@!$'()*+"),
        ] {
            assert_eq!(encoded(text), expected);
            assert!(PathAndQuery::try_from(encoded(text)).is_ok(), "{text}");
        }
        // Every character that a request target may contain.
        let all: String = ('!'..='~').filter(|c| *c != '#').collect();
        assert!(PathAndQuery::try_from(format!("/{}", encoded(&all))).is_ok());
    }
}
