//! Ways to read, or not to read, a request's body.

use std::thread::sleep;
use std::time::Duration;

use crate::query::Query;
use crate::wasi::io::streams::{InputStream, StreamError};
use crate::{Body, Request, Response, exhaustion, header, text};

/// Sends the body back with its content type, and the method as `X-Method`.
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

/// Answers without reading the body.
pub fn ignore() -> Response {
    text("the body was ignored\n")
}

/// Answers while it still holds the body, which is dropped with the instance.
pub fn keep(request: Request) -> Response {
    std::mem::forget(request.body);
    text("the body was kept\n")
}

pub fn drop_unread(request: Request) -> Response {
    drop(request.body);
    text("the body was dropped\n")
}

/// Reads with the largest possible length until the end.
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

/// Reads `step=` bytes at a time (default 1,024) and sleeps `ms=` milliseconds (default 10) after each.
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

/// Reports success even if reading fails: the host must not pass that on for a body that is malformed or cut short.
fn unread(error: &StreamError) -> Response {
    text(format!(
        "the body could not be read, and the handler says 200 all the same: {error}\n"
    ))
}
