//! Adds the script of live reload to the pages that a browser opens.

use belljar_http::{Request, Response};

use super::hub::LiveReload;
use super::own::SCRIPT_PATH;
use super::policy::allows_own_script;

/// The page that a browser opens with a request, if it opens one and live reload is on.
pub(in crate::server) struct OpenedPage<'l>(Option<Opened<'l>>);

struct Opened<'l> {
    live_reload: &'l LiveReload,
    path: String,
    /// The element that loads the script. It names the version of the page.
    element: String,
}

impl<'l> OpenedPage<'l> {
    /// Looks at a request before a handler answers it.
    pub fn of(live_reload: Option<&'l LiveReload>, request: &mut Request) -> Self {
        Self(live_reload.and_then(|live_reload| Opened::by(live_reload, request)))
    }

    /// Adds the script to the response, if it is a page.
    pub fn with_script(self, response: Response) -> Response {
        match self.0 {
            Some(opened) if is_page(&response) => opened.with_script(response),
            _ => response,
        }
    }

    /// Adds the script to an error page of the server.
    pub fn with_script_of_error(self, response: Response) -> Response {
        match self.0 {
            Some(opened) if is_page(&response) => opened.with_script_of_error(response),
            _ => response,
        }
    }
}

impl<'l> Opened<'l> {
    fn by(live_reload: &'l LiveReload, request: &mut Request) -> Option<Self> {
        let head = &mut request.head;
        let is_page = match head.field("sec-fetch-dest") {
            Some(kind) => matches!(kind, b"document" | b"iframe" | b"frame"),
            // The browser sends the field to this machine only, and over TLS.
            None => head
                .field("accept")
                .is_some_and(|types| String::from_utf8_lossy(types).contains("text/html")),
        };
        if !is_page {
            return None;
        }
        // The script is added to a whole page that is not compressed. A page in the browser's cache may lack it.
        head.remove_fields(&CONDITIONS);
        let page = live_reload.page();
        Some(Self {
            live_reload,
            path: head.path().to_owned(),
            element: format!("\n<script src=\"{SCRIPT_PATH}?{page}\"></script>\n"),
        })
    }

    fn with_script(self, response: Response) -> Response {
        let policies = values(&response, "content-security-policy");
        if !allows_own_script(policies) {
            self.live_reload.log_refused(&self.path);
            return response;
        }
        self.insert(response)
    }

    fn with_script_of_error(self, response: Response) -> Response {
        let response = response
            .without_fields(&["content-security-policy"])
            .with_field("Content-Security-Policy", ERROR_POLICY);
        self.insert(response)
    }

    fn insert(self, response: Response) -> Response {
        let status = response.status();
        response
            .without_fields(&VALIDATORS)
            .with_field("Cache-Control", "no-store")
            .with_suffix(self.element.into())
            .unwrap_or_else(|error| {
                tracing::error!("the file of a page cannot be read: {error}");
                Response::error(if status < 400 { 500 } else { status })
            })
    }
}

/// Whether the response is a whole HTML page that is not compressed.
fn is_page(response: &Response) -> bool {
    let is_html = values(response, "content-type")
        .next()
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"text/html"));
    let is_plain = values(response, "content-encoding").all(|coding| coding == b"identity");
    let is_whole = !matches!(response.status(), 204 | 206 | 304) && !is_redirect(response);
    is_html && is_plain && is_whole
}

fn is_redirect(response: &Response) -> bool {
    (300..400).contains(&response.status()) && values(response, "location").next().is_some()
}

fn values<'a>(response: &'a Response, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let fields = response.fields().iter();
    fields
        .filter(move |(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| &value[..])
}

/// The fields of a request that lead to a part of a page, to a compressed one, or to none.
const CONDITIONS: [&str; 6] = [
    "accept-encoding",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "range",
];

/// The fields of a page that name its content without the script, or let a cache keep the page.
const VALIDATORS: [&str; 7] = [
    "accept-ranges",
    "cache-control",
    "content-digest",
    "etag",
    "expires",
    "last-modified",
    "repr-digest",
];

/// What the error pages of the server may load. Even if an escape is ever forgotten, no script of others runs.
const ERROR_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'";

#[cfg(test)]
mod tests {
    use belljar_http::Body;

    use super::*;

    fn request(fields: &[(&str, &str)]) -> Request {
        let host = [("host", &b"a"[..])];
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        Request::from_parts("GET", "/a", host.into_iter().chain(fields)).unwrap()
    }

    fn response(status: u16, fields: &[(&str, &str)], text: &'static str) -> Response {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        Response::new(status, fields.collect(), Body::Bytes(text.into())).unwrap()
    }

    #[test]
    fn recognizes_the_requests_of_a_browser_for_pages() {
        for (fields, expected) in [
            (&[][..], false),
            (&[("accept", "*/*")], false),
            (
                &[("accept", "text/html,*/*;q=0.8"), ("range", "bytes=0-")],
                true,
            ),
            (&[("sec-fetch-dest", "document")], true),
            (
                &[("sec-fetch-dest", "empty"), ("accept", "text/html")],
                false,
            ),
        ] {
            let mut request = request(fields);
            let live_reload = LiveReload::new();
            let page = OpenedPage::of(Some(&live_reload), &mut request);
            assert_eq!(page.0.is_some(), expected, "{fields:?}");
            assert!(request.head.field("range").is_none());
        }
    }

    #[test]
    fn adds_the_script_to_whole_pages_only() {
        let html = ("Content-Type", "text/html; charset=utf-8");
        for (status, fields, expected) in [
            (200, &[html][..], true),
            (404, &[html], true),
            (200, &[("Content-Type", "text/plain")], false),
            (200, &[], false),
            (200, &[html, ("Content-Encoding", "br")], false),
            (206, &[html], false),
            (301, &[html, ("Location", "/b")], false),
            (
                200,
                &[html, ("Content-Security-Policy", "script-src 'none'")],
                false,
            ),
            (
                200,
                &[html, ("Content-Security-Policy", "default-src 'self'")],
                true,
            ),
        ] {
            let mut request = request(&[("accept", "text/html")]);
            let live_reload = LiveReload::new();
            let page = OpenedPage::of(Some(&live_reload), &mut request);
            let fields = [fields, &[("ETag", "\"1\""), ("Content-Length", "4")]].concat();
            let response = response(status, &fields, "page");
            let response = page.with_script(response);
            let has_etag = values(&response, "etag").next().is_some();
            let Body::Bytes(text) = response.into_body() else {
                panic!("the body is text");
            };
            let text = String::from_utf8_lossy(&text).into_owned();
            assert_eq!(
                text.contains("/.belljar/reload.js?"),
                expected,
                "{status} {fields:?}"
            );
            assert_eq!(has_etag, !expected, "{fields:?}");
            assert!(text.starts_with("page"));
        }
    }
}
