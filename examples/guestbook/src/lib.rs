//! A guestbook: a form, a key-value store, and a page that safely shows what strangers wrote.
//!
//! `route` shows everything on one screen. It accesses the store through `store::Store`, so native tests cover it.
// In a native build only the tests call the handler.
#![cfg_attr(not(any(target_family = "wasm", test)), allow(dead_code))]

mod book;
mod entry;
mod origin;
mod page;
mod store;

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use belljar_guest::{Error, Request, Response};
use serde::Deserialize;

use book::Book;
use entry::{Draft, Entry};
use store::Store;

#[cfg(target_family = "wasm")]
belljar_guest::handler!(|request: Request| {
    let bucket = store::granted()?;
    let response = answer(request, &Book::new(bucket), SystemTime::now());
    Ok::<_, Error>(response)
});

fn answer(request: Request, book: &Book<impl Store>, now: SystemTime) -> Response {
    page::guarded(route(request, book, now).into())
}

fn route(
    mut request: Request,
    book: &Book<impl Store>,
    now: SystemTime,
) -> Result<Response, Error> {
    Ok(match (request.method.as_str(), request.path.as_str()) {
        ("GET" | "HEAD", "/") => {
            let place: Place = request.query_as()?;
            page::show(
                &book.page(place.before)?,
                &Draft::default(),
                request.mount(),
            )?
        }
        ("POST", "/") => {
            origin::check(&request)?;
            let draft: Draft = request.form(FORM_BYTES)?;
            match Entry::new(&draft, now) {
                Ok(entry) => {
                    let number = book.add(&entry)?;
                    // The response to a form is a redirect, so that reloading the page sends nothing twice.
                    Response::redirect(request.link(&format!("/#entry-{number}")))
                }
                Err(mistake) => {
                    page::show(&book.page(None)?, &draft.with(mistake), request.mount())?
                        .with_status(422)
                }
            }
        }
        ("GET" | "HEAD", "/style.css") => page::style(),
        (_, "/") => not_allowed("GET, HEAD, POST"),
        (_, "/style.css") => not_allowed("GET, HEAD"),
        _ => Response::not_found(),
    })
}

/// The query of a page: it shows the entries before this number.
#[derive(Deserialize)]
struct Place {
    before: Option<u64>,
}

fn not_allowed(methods: &str) -> Response {
    Response::text("this method is not for this address\n")
        .with_status(405)
        .with_header("Allow", methods)
}

/// The maximum size of a form in bytes: each of 1050 characters may take 12 bytes (`%F0%9F%98%80`).
const FORM_BYTES: usize = 16 << 10;
