//! Error responses. Their pages repeat nothing of the request.

use crate::files::{Failure, Files, Kind};
use crate::media::Media;
use crate::path::Refusal;
use crate::response::Response;
use crate::text::push_decimal;
use alloc::string::String;

/// Why a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    PreconditionFailed,
    /// The size of the file in bytes.
    RangeNotSatisfiable(u64),
    Internal,
    NotImplemented,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        match failure {
            Failure::Missing => Problem::NotFound,
            Failure::Unreadable => Problem::Forbidden,
            Failure::Broken => Problem::Internal,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Malformed => Problem::BadRequest,
            Refusal::EncodedSlash => Problem::NotFound,
            Refusal::AboveRoot => Problem::Forbidden,
        }
    }
}

/// Creates the response to a failed request. A 404 has the site's own `404.html` if there is one.
pub fn respond<F: Files>(files: &F, problem: Problem) -> Response<F::File> {
    let (status, reason) = problem.status();
    let response = Response::new(status)
        .field("Cache-Control", "no-store")
        .field("X-Content-Type-Options", "nosniff");
    if problem == Problem::NotFound
        && let Ok(page) = files.open(NOT_FOUND_PAGE)
        && page.stat.kind == Kind::File
    {
        return response
            .field("Content-Type", Media::of(NOT_FOUND_PAGE).name)
            .file(page.file, 0, page.stat.size);
    }
    let response = response
        .field("Content-Type", "text/html; charset=utf-8")
        .field("Content-Security-Policy", POLICY)
        .bytes(page(status, reason));
    match problem {
        Problem::MethodNotAllowed => response.field("Allow", ALLOW),
        Problem::RangeNotSatisfiable(size) => {
            let mut unsatisfied = String::from("bytes */");
            push_decimal(&mut unsatisfied, size);
            response.field("Content-Range", unsatisfied)
        }
        _ => response,
    }
}

impl Problem {
    fn status(self) -> (u16, &'static str) {
        match self {
            Problem::BadRequest => (400, "Bad Request"),
            Problem::Forbidden => (403, "Forbidden"),
            Problem::NotFound => (404, "Not Found"),
            Problem::MethodNotAllowed => (405, "Method Not Allowed"),
            Problem::PreconditionFailed => (412, "Precondition Failed"),
            Problem::RangeNotSatisfiable(_) => (416, "Range Not Satisfiable"),
            Problem::Internal => (500, "Internal Server Error"),
            Problem::NotImplemented => (501, "Not Implemented"),
        }
    }
}

fn page(status: u16, reason: &str) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<title>");
    push_decimal(&mut page, u64::from(status));
    page.push(' ');
    page.push_str(reason);
    page.push_str("</title>\n<h1>");
    page.push_str(reason);
    page.push_str("</h1>\n</html>\n");
    page
}

/// The methods that a file allows.
pub const ALLOW: &str = "GET, HEAD, OPTIONS";

/// The guest's own pages load and run nothing.
pub const POLICY: &str = "default-src 'none'";

const NOT_FOUND_PAGE: &str = "404.html";
