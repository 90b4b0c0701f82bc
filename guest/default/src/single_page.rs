//! Single-page applications: one page is the response for all pages that do not exist as files.

use crate::media::Media;
use crate::text::{list, trim, weight};

/// Whether a request for a missing file is for a page rather than for an image or a script: the client accepts HTML, and
/// the extension is not that of another known type. A page in place of a script would fail later than a 404, and be harder
/// to explain.
pub fn is_wanted(path: &str, accept: Option<&[u8]>) -> bool {
    let is_page = Media::known(path).is_none_or(|media| media.name.starts_with("text/html"));
    is_page && accept.is_none_or(accepts_html)
}

fn accepts_html(accept: &[u8]) -> bool {
    list(accept).any(|member| {
        let mut parameters = member.split(|byte| *byte == b';');
        let range = trim(parameters.next().unwrap_or_default());
        let is_html = [&b"text/html"[..], b"text/*", b"*/*"]
            .iter()
            .any(|html| range.eq_ignore_ascii_case(html));
        is_html && weight(parameters).is_none_or(|weight| weight > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_pages_from_other_files() {
        const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (path, accept, expected) in [
            ("users/7", Some(BROWSER), true),
            ("users/jane.doe", Some(BROWSER), true),
            ("about.html", Some(BROWSER), true),
            ("users/7", Some("*/*"), true),
            ("users/7", None, true),
            ("app.js", Some(BROWSER), false),
            ("logo.png", Some("*/*"), false),
            ("users/7", Some("application/json"), false),
            ("users/7", Some("text/html;q=0"), false),
            ("users/7", Some(""), false),
        ] {
            assert_eq!(
                is_wanted(path, accept.map(str::as_bytes)),
                expected,
                "{path} {accept:?}"
            );
        }
    }
}
