//! A request handler for wasi:http, with the crate wstd.

use wstd::http::{Body, Error, Method, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/") => {
            let page = "<!doctype html>\n<h1>Hello from {{name}}!</h1>\n";
            answer(StatusCode::OK, "text/html", page.into())
        }
        (_, path) => {
            let text = format!("There is nothing at {path}\n");
            answer(StatusCode::NOT_FOUND, "text/plain", text)
        }
    }
}

fn answer(
    status: StatusCode,
    media_type: &str,
    text: String,
) -> Result<Response<Body>, Error> {
    let response = Response::builder()
        .status(status)
        .header("Content-Type", format!("{media_type}; charset=utf-8"))
        .body(text.into())?;
    Ok(response)
}
