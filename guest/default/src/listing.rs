//! Directory listings, which the operator can turn on.

use crate::error_page;
use crate::files::{Entry, Failure, Files, Kind};
use crate::path;
use crate::response::Response;
use crate::settings::Settings;
use crate::text::{push_html, push_percent_encoded};
use alloc::string::String;
use alloc::vec::Vec;

/// Creates the page that lists the open `directory`. `path` is relative to the root.
pub fn respond<F: Files>(
    files: &F,
    settings: &Settings,
    path: &str,
    directory: &F::File,
) -> Result<Response<F::File>, Failure> {
    let mut entries = files.list(directory)?;
    entries.retain_mut(|entry| is_shown(files, settings, path, entry));
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(Response::new(200)
        .field("Content-Type", "text/html; charset=utf-8")
        .field("Cache-Control", "max-age=0")
        .field("Content-Security-Policy", error_page::POLICY)
        .field("X-Content-Type-Options", "nosniff")
        .bytes(page(path, &entries)))
}

/// Whether a request for the entry would succeed. A link gets the kind of its target.
fn is_shown<F: Files>(files: &F, settings: &Settings, path: &str, entry: &mut Entry) -> bool {
    let is_public = settings.dotfiles
        || !path::is_dotfile(&entry.name)
        || (path.is_empty() && entry.name == ".well-known");
    if is_public && entry.kind == Kind::Link {
        let mut target = String::from(path);
        if !path.is_empty() {
            target.push('/');
        }
        target.push_str(&entry.name);
        entry.kind = files.kind(&target).unwrap_or(Kind::Other);
    }
    is_public && matches!(entry.kind, Kind::File | Kind::Directory)
}

fn page(path: &str, entries: &[Entry]) -> Vec<u8> {
    let mut title = String::from("Index of /");
    push_html(&mut title, path);
    if !path.is_empty() {
        title.push('/');
    }
    let mut page =
        String::from("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
    page.push_str(&title);
    page.push_str("</title>\n<h1>");
    page.push_str(&title);
    page.push_str("</h1>\n<ul>\n");
    if !path.is_empty() {
        page.push_str("<li><a href=\"../\">../</a></li>\n");
    }
    for entry in entries {
        let slash = if entry.kind == Kind::Directory {
            "/"
        } else {
            ""
        };
        // Without `./` a browser would take the `a:` of a name such as `a:b` for a scheme.
        page.push_str("<li><a href=\"./");
        push_segment(&mut page, &entry.name);
        page.push_str(slash);
        page.push_str("\">");
        push_html(&mut page, &entry.name);
        page.push_str(slash);
        page.push_str("</a></li>\n");
    }
    page.push_str("</ul>\n</html>\n");
    page.into_bytes()
}

/// Appends a name as one segment of a URI. Only unreserved characters stay as they are (RFC 3986, section 2.3).
fn push_segment(into: &mut String, name: &str) {
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte))
            }
            byte => push_percent_encoded(into, byte),
        }
    }
}
