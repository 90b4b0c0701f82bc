//! A directory without a slash: sent on to the one with it, so that the relative links of its page work.

use crate::response::Response;
use crate::text::{push_html, push_percent_encoded};
use crate::{error_page, path};
use alloc::string::String;

/// 301 to the directory that `path`, as sent, names without its slash.
pub fn respond<F>(path: &str, query: Option<&str>) -> Response<F> {
    let location = location(path, query);
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<title>Redirecting</title>\n<p><a href=\"",
    );
    push_html(&mut page, &location);
    page.push_str("\">Redirecting to ");
    push_html(&mut page, &location);
    page.push_str("</a></p>\n</html>\n");
    // Whether a name is a folder may change, and a browser would keep a bare 301 for good. Without a
    // validator `no-cache` would only ask for what nobody can answer.
    Response::new(301)
        .field("Location", location)
        .field("Content-Type", "text/html; charset=utf-8")
        .field("Cache-Control", "max-age=0")
        .field("Content-Security-Policy", error_page::POLICY)
        .field("X-Content-Type-Options", "nosniff")
        .bytes(page)
}

/// The path as sent, made shortest, with a slash and the query behind.
///
/// It begins with exactly one slash: a browser takes `//host/` (and `/\host/`) for another site. What may not
/// stand in a URI is encoded.
fn location(path: &str, query: Option<&str>) -> String {
    let path = path::shortest(path);
    let mut location = String::with_capacity(path.len() + query.map_or(0, str::len) + 2);
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

    #[test]
    fn locations() {
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
            assert_eq!(location(path, query), expected, "{path}");
        }
    }

    #[test]
    fn the_note_is_escaped() {
        let response = respond::<()>("/pets", Some("a='&\"><script>"));
        let crate::response::Body::Bytes(body) = response.body else {
            panic!("no note")
        };
        let body = String::from_utf8(body).unwrap();
        assert!(
            body.contains(
                "href=\"/pets/?a=&#39;&amp;%22%3E%3Cscript%3E\">Redirecting to /pets/?a=&#39;&amp;%22"
            ),
            "{body}"
        );
    }
}
