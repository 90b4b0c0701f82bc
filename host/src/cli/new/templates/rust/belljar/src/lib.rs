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
            ("GET" | "HEAD", "/") => {
                let page = "<!doctype html>\n<h1>Hello from {{name}}!</h1>\n";
                answer(200, "text/html", page)
            }
            (_, path) => answer(404, "text/plain", &format!("There is nothing at {path}\n")),
        }
    }
}

fn answer(status: u16, media_type: &str, text: &str) -> Response {
    let content_type = format!("{media_type}; charset=utf-8");
    Response {
        status,
        headers: vec![("Content-Type".into(), content_type.into())],
        body: Body::Bytes(text.into()),
    }
}

export!(Handler);
