//! A test middleware for wasi:http 0.3. It adds its name to the request and to the response, and passes their bodies on. A
//! path that ends with `/stop/NAME` is answered by the middleware of this name. `test-middleware` does the same with 0.2.

wit_bindgen::generate!({
    path: "wit",
    world: "middleware",
    generate_all,
});

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use exports::wasi::http::handler::Guest;
use wasi::http::handler as next;
use wasi::http::types::{ErrorCode, Fields, Request, Response};

/// The name of the middleware. A test replaces it in the binary.
static NAME: [u8; 8] = *b"NAME____";

static COUNT: AtomicU32 = AtomicU32::new(0);

struct Middleware;

export!(Middleware);

impl Guest for Middleware {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let name = black_box(&NAME);
        let name = str::from_utf8(name).unwrap_or_default();
        let target = request.get_path_with_query().unwrap_or_default();
        let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
        let asked = |what: &str| target.ends_with(&format!("/{what}/{name}"));
        if asked("stop") {
            return Ok(answer(format!("stopped by {name}\n")));
        }
        if asked("count") {
            return Ok(answer(count.to_string()));
        }
        if asked("loop") {
            loop {
                black_box(0);
            }
        }
        assert!(!asked("trap"), "{name} was asked to trap");
        let response = next::handle(with_name(request, name)?).await?;
        named(response, name)
    }
}

/// The request with the name in its field `x-before`.
fn with_name(request: Request, name: &str) -> Result<Request, ErrorCode> {
    let (method, target) = (request.get_method(), request.get_path_with_query());
    let (scheme, authority) = (request.get_scheme(), request.get_authority());
    let headers = added(&request.get_headers(), "x-before", name)?;
    let (result, received) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, received);
    let (request, transmitted) = Request::new(headers, Some(body), trailers, None);
    let is_valid = request.set_method(&method).is_ok()
        && request.set_path_with_query(target.as_deref()).is_ok()
        && request.set_scheme(scheme.as_ref()).is_ok()
        && request.set_authority(authority.as_deref()).is_ok();
    assert!(is_valid, "the values come from a request");
    wit_bindgen::spawn_local(async move {
        let _ = result.write(transmitted.await).await;
    });
    Ok(request)
}

/// The response with the name in its field `x-behind`.
fn named(response: Response, name: &str) -> Result<Response, ErrorCode> {
    let status = response.get_status_code();
    let headers = added(&response.get_headers(), "x-behind", name)?;
    let (result, received) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, received);
    let (response, transmitted) = Response::new(headers, Some(body), trailers);
    response
        .set_status_code(status)
        .expect("it comes from a response");
    wit_bindgen::spawn_local(async move {
        let _ = result.write(transmitted.await).await;
    });
    Ok(response)
}

fn added(fields: &Fields, field: &str, name: &str) -> Result<Fields, ErrorCode> {
    let mut all = fields.copy_all();
    all.push((field.to_owned(), name.as_bytes().to_vec()));
    Fields::from_list(&all).map_err(|error| ErrorCode::InternalError(Some(error.to_string())))
}

fn answer(text: String) -> Response {
    let (mut writer, body) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(Fields::new(), Some(body), trailers);
    wit_bindgen::spawn_local(async move {
        writer.write_all(text.into_bytes()).await;
    });
    response
}
