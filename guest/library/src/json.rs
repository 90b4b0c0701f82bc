//! JSON (RFC 8259).

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Request, Response};

impl Request {
    /// Reads the content as JSON of up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// 415 if the content type is neither `application/json` nor like `application/…+json`; 400 if the JSON is malformed
    /// or does not fit `T`; the errors of [`Incoming::bytes`](crate::Incoming::bytes).
    pub fn json<T: DeserializeOwned>(&mut self, limit: usize) -> Result<T, Error> {
        if !self.has_media_type(|media| media == "application/json" || media.ends_with("+json")) {
            return Err(Error::new(
                415,
                "the request's content must be application/json",
            ));
        }
        let bytes = self.body.bytes(limit)?;
        serde_json::from_slice(&bytes).map_err(|error| Error::new(400, error))
    }
}

impl Response {
    /// Creates a 200 response with a value as JSON.
    ///
    /// # Errors
    ///
    /// 500 if JSON cannot express the value, such as a map whose keys are not text.
    pub fn json(value: &impl Serialize) -> Result<Response, Error> {
        let bytes = serde_json::to_vec(value)?;
        Ok(Response::of_type("application/json", bytes))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use crate::{Body, Request, Response};

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Point {
        x: i32,
        y: i32,
    }

    #[test]
    fn reads_a_value_from_json() {
        let cases = [
            (
                "application/json",
                r#"{"x":1,"y":2}"#,
                Ok(Point { x: 1, y: 2 }),
            ),
            (
                "Application/JSON; charset=utf-8",
                r#"{"x":1,"y":2}"#,
                Ok(Point { x: 1, y: 2 }),
            ),
            (
                "application/geo+json",
                r#"{"x":1,"y":2}"#,
                Ok(Point { x: 1, y: 2 }),
            ),
            ("text/plain", r#"{"x":1,"y":2}"#, Err(415)),
            ("", r#"{"x":1,"y":2}"#, Err(415)),
            ("application/json", r#"{"x":1,"#, Err(400)),
            ("application/json", r#"{"x":"one","y":2}"#, Err(400)),
            (
                "application/json",
                r#"{"x":1,"y":2,"name":"far too long"}"#,
                Err(413),
            ),
        ];
        for (media, content, expected) in cases {
            let mut request = Request::post("/", content).with_header("Content-Type", media);
            let point = request.json::<Point>(20).map_err(|error| error.status());
            assert_eq!(point, expected, "{media}: {content}");
        }
    }

    #[test]
    fn sends_a_value_as_json() {
        let response = Response::json(&Point { x: 1, y: 2 }).expect("a point is JSON");
        assert_eq!(
            response.headers.get("content-type"),
            Some("application/json")
        );
        let Body::Bytes(bytes) = response.body else {
            panic!("JSON is bytes");
        };
        assert_eq!(bytes, br#"{"x":1,"y":2}"#);
    }
}
