//! The page. The template escapes everything (its name ends in `.html`), and the headers limit the harm if that fails.

use askama::Template;
use belljar_guest::{Error, Response};

use crate::book;
use crate::entry::Draft;

/// The values for `templates/page.html`.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    entries: Vec<Shown<'a>>,
    older: Option<u64>,
    draft: &'a Draft,
    /// The prefix of the links.
    mount: &'a str,
}

struct Shown<'a> {
    number: u64,
    name: &'a str,
    message: &'a str,
    /// For machines.
    time: String,
    /// For people.
    day: String,
}

pub fn show(page: &book::Page, draft: &Draft, mount: &str) -> Result<Response, Error> {
    let entries = page.entries.iter().map(|(number, entry)| {
        let time = entry.time();
        Shown {
            number: *number,
            name: &entry.name,
            message: &entry.message,
            day: time.get(..10).unwrap_or_default().to_owned(),
            time,
        }
    });
    let page = Page {
        entries: entries.collect(),
        older: page.older,
        draft,
        mount,
    };
    Ok(Response::html(page.render()?).with_header("Cache-Control", "no-store"))
}

pub fn style() -> Response {
    Response::new(200)
        .with_header("Content-Type", "text/css; charset=utf-8")
        .with_header("Cache-Control", "max-age=3600")
        .with_body(include_str!("../templates/style.css"))
}

/// These pages run no scripts, load nothing from other hosts, and cannot be framed by other sites.
pub fn guarded(response: Response) -> Response {
    response
        .with_header("Content-Security-Policy", POLICY)
        .with_header("X-Content-Type-Options", "nosniff")
        // `no-referrer` would remove the Origin from the page's own form.
        .with_header("Referrer-Policy", "same-origin")
}

const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
