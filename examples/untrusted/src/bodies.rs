//! Ways of reading a request's body, or of not reading it.

use std::thread::sleep;
use std::time::Duration;

use crate::query::Query;
use crate::wasi::io::streams::{InputStream, StreamError};
use crate::{Body, Request, Response, exhaustion, header, text};

/// The body goes back as it came, with its content type; `X-Method` says how it was sent.
pub fn echo(request: Request) -> Response {
    let body = match request.body.as_ref().map(read_all) {
        None => Vec::new(),
        Some(Ok(body)) => body,
        Some(Err(error)) => return unread(&error),
    };
    let mut headers = vec![header("X-Method", request.method)];
    headers.extend(
        request
            .headers
            .into_iter()
            .filter(|(name, _)| name == "content-type"),
    );
    Response {
        status: 200,
        headers,
        body: Body::Bytes(body),
    }
}

/// Answers without a look at the body.
pub fn ignore() -> Response {
    text("the body was ignored\n")
}

/// Answers while the body is still in its hands; the instance ends with it.
pub fn keep(request: Request) -> Response {
    std::mem::forget(request.body);
    text("the body was kept\n")
}

pub fn drop_unread(request: Request) -> Response {
    drop(request.body);
    text("the body was dropped\n")
}

/// Asks for all bytes that there could ever be, as often as it takes.
pub fn read_all_at_once(request: Request) -> Response {
    let mut total = 0;
    while let Some(Ok(bytes)) = request
        .body
        .as_ref()
        .map(|body| body.blocking_read(u64::MAX))
    {
        total += bytes.len();
    }
    text(format!("{total}\n"))
}

pub fn read_first_byte(request: Request) -> Response {
    match request.body.map(|body| body.blocking_read(1)) {
        None => text("no body\n"),
        Some(Ok(byte)) => text(byte),
        Some(Err(error)) => unread(&error),
    }
}

/// Reads `step=` bytes at a time (1,024 unless said) and sleeps `ms=` milliseconds (10) after each.
pub fn read_slowly(request: Request, query: &Query) -> Response {
    let Some(body) = request.body else {
        return text("0\n");
    };
    let step = query.number("step").unwrap_or(1024);
    let pause = Duration::from_millis(query.number("ms").unwrap_or(10));
    let mut total = 0;
    loop {
        match body.blocking_read(step) {
            Ok(bytes) => total += bytes.len(),
            Err(StreamError::Closed) => return text(format!("{total}\n")),
            Err(error) => return unread(&error),
        }
        sleep(pause);
    }
}

pub fn trap_in_the_middle(request: Request) -> Response {
    if let Some(body) = request.body {
        let _ = body.blocking_read(1);
    }
    exhaustion::trap()
}

pub fn loop_after_read(request: Request) -> Response {
    if let Some(body) = request.body {
        let _ = read_all(&body);
    }
    exhaustion::run_for_ever()
}

fn read_all(body: &InputStream) -> Result<Vec<u8>, StreamError> {
    let mut content = Vec::new();
    loop {
        match body.blocking_read(64 * 1024) {
            Ok(bytes) => content.extend_from_slice(&bytes),
            Err(StreamError::Closed) => return Ok(content),
            Err(error) => return Err(error),
        }
    }
}

/// A lie on purpose: where a body is malformed or cut short the host must not let a handler call that a success.
fn unread(error: &StreamError) -> Response {
    text(format!(
        "the body could not be read, and the handler says 200 all the same: {error}\n"
    ))
}
