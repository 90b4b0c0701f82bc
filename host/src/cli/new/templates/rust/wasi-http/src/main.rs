//! A request handler for wasi:http, with the crate wstd.

use wstd::http::{Body, Error, Method, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/") => text(StatusCode::OK, "Hello from {{name}}!\n".into()),
        (_, path) => text(StatusCode::NOT_FOUND, format!("There is nothing at {path}\n")),
    }
}

fn text(status: StatusCode, text: String) -> Result<Response<Body>, Error> {
    let response = Response::builder()
        .status(status)
        .header("Content-Type", "text/plain; charset=utf-8")
        .body(text.into())?;
    Ok(response)
}
