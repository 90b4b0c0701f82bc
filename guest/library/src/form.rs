//! Forms and queries, which share a syntax (<https://url.spec.whatwg.org/#application/x-www-form-urlencoded>).

use serde::de::DeserializeOwned;

use crate::{Error, Request};

impl Request {
    /// Reads the content as a form of up to `limit` bytes. Forms with files (`multipart/form-data`) are not supported.
    ///
    /// # Errors
    ///
    /// 415 if the content type is not `application/x-www-form-urlencoded`; 400 if the form does not fit `T`; the errors of
    /// [`Incoming::bytes`](crate::Incoming::bytes).
    pub fn form<T: DeserializeOwned>(&mut self, limit: usize) -> Result<T, Error> {
        if !self.has_media_type(|media| media == "application/x-www-form-urlencoded") {
            return Err(Error::new(
                415,
                "the request's content must be application/x-www-form-urlencoded",
            ));
        }
        let bytes = self.body.bytes(limit)?;
        serde_urlencoded::from_bytes(&bytes).map_err(|error| Error::new(400, error))
    }

    /// Parses the query. A request without a query counts as one with an empty query.
    ///
    /// # Errors
    ///
    /// 400 if the query does not fit `T`.
    pub fn query_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let query = self.query.as_deref().unwrap_or_default();
        serde_urlencoded::from_str(query).map_err(|error| Error::new(400, error))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use crate::Request;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Search {
        what: String,
        #[serde(default)]
        page: u32,
    }

    fn search(what: &str, page: u32) -> Result<Search, u16> {
        let what = what.to_owned();
        Ok(Search { what, page })
    }

    #[test]
    fn reads_a_form() {
        let form = "application/x-www-form-urlencoded";
        for (media, content, expected) in [
            (form, "what=jars", search("jars", 0)),
            (
                form,
                "what=a+%26+b%C3%A4&page=2&more=x",
                search("a & bä", 2),
            ),
            ("text/plain", "what=jars", Err(415)),
            (form, "page=2", Err(400)),
            (form, "what=jars&page=two", Err(400)),
            (form, "", Err(400)),
            (form, &"what=".repeat(20), Err(413)),
        ] {
            let mut request = Request::post("/", content).with_header("Content-Type", media);
            let read = request.form::<Search>(50).map_err(|error| error.status());
            assert_eq!(read, expected, "{media}: {content}");
        }
    }

    #[test]
    fn reads_a_query() {
        for (target, expected) in [
            ("/?what=jars&page=3", search("jars", 3)),
            ("/?what=", search("", 0)),
            ("/?", Err(400)),
            ("/", Err(400)),
        ] {
            let read = Request::get(target).query_as::<Search>();
            assert_eq!(read.map_err(|error| error.status()), expected, "{target}");
        }
    }
}
