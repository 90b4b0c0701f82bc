//! A request handler. `wit/handler.wit` describes requests and responses.

// The handler does not use Rust's standard library, so that a request takes less time: see `src/runtime.rs`.
// To use the standard library, delete the next three lines.
#![cfg_attr(target_family = "wasm", no_std)]
#[cfg(target_family = "wasm")]
mod runtime;

extern crate alloc;

use alloc::{format, vec};
use belljar::handler::types::Body;

wit_bindgen::generate!({ path: "wit", world: "handler", generate_all });

struct Handler;

impl Guest for Handler {
    fn handle(request: Request) -> Response {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET" | "HEAD", "/") => text(200, "Hello from {{name}}!\n"),
            (_, path) => text(404, &format!("There is nothing at {path}\n")),
        }
    }
}

fn text(status: u16, text: &str) -> Response {
    Response {
        status,
        headers: vec![("Content-Type".into(), "text/plain; charset=utf-8".into())],
        body: Body::Bytes(text.into()),
    }
}

export!(Handler);
