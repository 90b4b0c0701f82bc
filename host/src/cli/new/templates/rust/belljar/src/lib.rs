//! A request handler. `wit/handler.wit` says what a request brings and what an answer may be.

wit_bindgen::generate!({ path: "wit", world: "handler", generate_all });

use belljar::handler::types::Body;

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
