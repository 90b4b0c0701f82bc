//! A guestbook: a form, a key-value store, and a page that shows what strangers wrote without believing it.
//!
//! `route` is the whole of it on one screen; it asks [`store::Store`] for what it knows, so that it is tested natively.
// Natively there is no handler to call it, but for the tests.
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
            page::show(&book.page(place.before)?, &Draft::default())?
        }
        ("POST", "/") => {
            origin::check(&request)?;
            let draft: Draft = request.form(FORM_BYTES)?;
            match Entry::new(&draft, now) {
                Ok(entry) => {
                    let number = book.add(&entry)?;
                    // The answer to a form is another address, so that to load the page again sends nothing twice.
                    Response::redirect(format!("/#entry-{number}"))
                }
                Err(mistake) => {
                    page::show(&book.page(None)?, &draft.with(mistake))?.with_status(422)
                }
            }
        }
        ("GET" | "HEAD", "/style.css") => page::style(),
        (_, "/") => not_allowed("GET, HEAD, POST"),
        (_, "/style.css") => not_allowed("GET, HEAD"),
        _ => Response::not_found(),
    })
}

/// What the address of a page says: the entries before this number.
#[derive(Deserialize)]
struct Place {
    before: Option<u64>,
}

fn not_allowed(methods: &str) -> Response {
    Response::text("this method is not for this address\n")
        .with_status(405)
        .with_header("Allow", methods)
}

/// The most that a form may be, in bytes: each of 1050 characters may take 12 of them (`%F0%9F%98%80`).
const FORM_BYTES: usize = 16 << 10;
