//! Redirects from a directory without a trailing slash, so that the relative links of its page work.

use crate::request::Request;
use crate::response::Response;
use crate::text::{push_html, push_percent_encoded};
use crate::{error_page, path};
use alloc::string::String;

/// Creates a 301 response to the path of the request, as sent, with a trailing slash.
pub fn respond<F>(request: &Request) -> Response<F> {
    let location = location(request.mount(), request.path, request.query);
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<title>Redirecting</title>\n<p><a href=\"",
    );
    push_html(&mut page, &location);
    page.push_str("\">Redirecting to ");
    push_html(&mut page, &location);
    page.push_str("</a></p>\n</html>\n");
    // A directory may become a file, and browsers cache a bare 301 for ever. `no-cache` has no use without a validator.
    Response::new(301)
        .field("Location", location)
        .field("Content-Type", "text/html; charset=utf-8")
        .field("Cache-Control", "max-age=0")
        .field("Content-Security-Policy", error_page::POLICY)
        .field("X-Content-Type-Options", "nosniff")
        .bytes(page)
}

/// The mount and the path without dot segments and empty segments, with a trailing slash and the query.
///
/// It begins with exactly one slash: a browser takes `//host/` and `/\host/` for another site. Characters that a URI must
/// not contain are encoded.
fn location(mount: &str, path: &str, query: Option<&str>) -> String {
    let path = path::shortest(path);
    let length = mount.len() + path.len() + query.map_or(0, str::len) + 2;
    let mut location = String::with_capacity(length);
    push_uri(&mut location, mount);
    push_uri(&mut location, &path);
    location.push('/');
    if let Some(query) = query {
        location.push('?');
        push_uri(&mut location, query);
    }
    location
}

fn push_uri(into: &mut String, sent: &str) {
    for byte in sent.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0..=b' ' | 0x7f.. => {
                push_percent_encoded(into, byte);
            }
            byte => into.push(char::from(byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Method;

    #[test]
    fn adds_a_slash() {
        for (path, query, expected) in [
            ("/pets", None, "/pets/"),
            ("/pets", Some(""), "/pets/?"),
            ("/pets", Some("a=b&c=%20d"), "/pets/?a=b&c=%20d"),
            (
                "/pets",
                Some("a[]=%zz&<b>\\|"),
                "/pets/?a[]=%zz&%3Cb%3E%5C%7C",
            ),
            ("/snow%20%E2%98%83", None, "/snow%20%E2%98%83/"),
            ("//pets", None, "/pets/"),
            ("//evil.example/..//pets", None, "/pets/"),
            ("//evil.example//", None, "/evil.example/"),
            ("/\\evil.example", None, "/%5Cevil.example/"),
            ("/%5Cevil.example", None, "/%5Cevil.example/"),
            ("/a\"<b>", None, "/a%22%3Cb%3E/"),
        ] {
            assert_eq!(location("", path, query), expected, "{path}");
            let mounted = format!("/a%20b/c{expected}");
            assert_eq!(location("/a%20b/c", path, query), mounted, "{path}");
        }
    }

    #[test]
    fn escapes_the_page() {
        let response = respond::<()>(&Request {
            method: Method::Get,
            path: "/pets",
            query: Some("a='&\"><script>"),
            fields: &[("belljar-mount".into(), b"/a".to_vec())],
        });
        let crate::response::Body::Bytes(body) = response.body else {
            panic!("no note")
        };
        let body = String::from_utf8(body).unwrap();
        assert!(
            body.contains(
                "href=\"/a/pets/?a=&#39;&amp;%22%3E%3Cscript%3E\">Redirecting to /a/pets/?a=&#39;&amp;%22"
            ),
            "{body}"
        );
    }
}
