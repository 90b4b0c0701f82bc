//! Conversions from and to the requests and responses of the crate `http`.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::{Body, Error, Headers, Incoming, Request, Response, Scheme};

/// The client's address and port, like [`Request::client`], as an extension of an `http::Request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client(pub String);

/// The URI is absolute if the request has an authority. [`Client`] is among the extensions.
impl TryFrom<Request> for http::Request<Incoming> {
    type Error = Error;

    fn try_from(request: Request) -> Result<Self, Error> {
        let mut target = String::new();
        if let Some(authority) = &request.authority {
            target.push_str(match request.scheme {
                Scheme::Http => "http://",
                Scheme::Https => "https://",
            });
            target.push_str(authority);
        }
        target.push_str(&request.path);
        if let Some(query) = &request.query {
            target.push('?');
            target.push_str(query);
        }
        let bad = |error: http::Error| Error::new(400, error);
        let mut converted = http::Request::builder()
            .method(request.method.as_str())
            .uri(target)
            .body(request.body)
            .map_err(bad)?;
        *converted.headers_mut() = map(request.headers).map_err(bad)?;
        converted.extensions_mut().insert(Client(request.client));
        Ok(converted)
    }
}

/// Reads the whole content, up to 2 MiB; more is answered with 413. For larger content take an `http::Request<Incoming>`.
impl TryFrom<Request> for http::Request<Vec<u8>> {
    type Error = Error;

    fn try_from(request: Request) -> Result<Self, Error> {
        let (parts, mut body) = http::Request::<Incoming>::try_from(request)?.into_parts();
        Ok(http::Request::from_parts(parts, body.bytes(WHOLE)?))
    }
}

/// For tests.
impl<T: Into<Incoming>> From<http::Request<T>> for Request {
    fn from(request: http::Request<T>) -> Request {
        let (parts, body) = request.into_parts();
        let Parts {
            method,
            uri,
            headers,
            extensions,
            ..
        } = parts;
        let mut converted = Request::new(method.as_str(), target(&uri), body);
        converted.headers = lines(headers);
        if uri.scheme_str() == Some("https") {
            converted.scheme = Scheme::Https;
        }
        if let Some(authority) = uri.authority() {
            converted.authority = Some(authority.to_string());
        }
        if let Some(Client(client)) = extensions.get() {
            converted.client.clone_from(client);
        }
        converted
    }
}

impl<T: Into<Body>> From<http::Response<T>> for Response {
    fn from(response: http::Response<T>) -> Response {
        let (parts, body) = response.into_parts();
        Response {
            status: parts.status.as_u16(),
            headers: lines(parts.headers),
            body: body.into(),
        }
    }
}

/// Fails if the status or a header field is invalid.
impl TryFrom<Response> for http::Response<Body> {
    type Error = http::Error;

    fn try_from(response: Response) -> Result<Self, http::Error> {
        let mut converted = http::Response::builder()
            .status(response.status)
            .body(response.body)?;
        *converted.headers_mut() = map(response.headers)?;
        Ok(converted)
    }
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

fn map(headers: Headers) -> Result<HeaderMap, http::Error> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes())?,
            HeaderValue::from_maybe_shared(value)?,
        );
    }
    Ok(map)
}

fn lines(map: HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in &map {
        headers.append(name.as_str(), value.as_bytes());
    }
    headers
}

/// The most content that is read as a whole, in bytes: the default limit of other frameworks.
const WHOLE: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::{Client, WHOLE};
    use crate::{Body, Request, Response, answer};

    #[test]
    fn converts_a_request_and_back() {
        let request = Request::post("/a%20b?c=d", "content")
            .with_header("X-Twice", "1")
            .with_header("x-twice", [0xff]);
        let there: http::Request<Vec<u8>> = request.try_into().expect("it is one");
        assert_eq!(there.method(), http::Method::POST);
        assert_eq!(there.uri(), "http://localhost/a%20b?c=d");
        assert_eq!(there.headers().get_all("x-twice").iter().count(), 2);
        assert_eq!(
            there.extensions().get(),
            Some(&Client("127.0.0.1:50112".into()))
        );
        assert_eq!(there.body(), b"content");

        let mut back = Request::from(there);
        assert_eq!(
            (back.method.as_str(), back.path.as_str()),
            ("POST", "/a%20b")
        );
        assert_eq!(back.query.as_deref(), Some("c=d"));
        assert_eq!(back.headers.get_all("X-TWICE").last(), Some(&[0xff][..]));
        assert_eq!(back.body.text(7).expect("it is text"), "content");
    }

    #[test]
    fn runs_a_handler_that_uses_only_types_of_the_crate_http() {
        fn shout(request: http::Request<Vec<u8>>) -> http::Result<http::Response<Vec<u8>>> {
            let loud = request.into_body().to_ascii_uppercase();
            http::Response::builder()
                .status(202)
                .header("x-loud", "yes")
                .body(loud)
        }

        let response = answer(shout, Request::post("/", "quiet"));
        assert_eq!(response.status, 202);
        assert_eq!(response.headers.get("X-Loud"), Some("yes"));
        assert_eq!(response.body.into_bytes().expect("it is bytes"), b"QUIET");
        assert_eq!(
            answer(shout, Request::post("/", vec![b'x'; WHOLE])).status,
            202
        );
        assert_eq!(
            answer(shout, Request::post("/", vec![b'x'; WHOLE + 1])).status,
            413
        );
    }

    #[test]
    fn refuses_to_convert_an_invalid_response() {
        for (response, is_one) in [
            (Response::text("hello").with_header("X-A", "b"), true),
            (Response::new(99), false),
            (Response::text("").with_header("a b", "c"), false),
            (Response::text("").with_header("a", "b\r\nc: d"), false),
        ] {
            let what = format!("{response:?}");
            assert_eq!(
                http::Response::<Body>::try_from(response).is_ok(),
                is_one,
                "{what}"
            );
        }
    }
}
