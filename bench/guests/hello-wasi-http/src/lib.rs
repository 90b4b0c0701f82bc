//! The page of examples/hello, byte for byte, from a wasi:http component.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Hello;

impl Guest for Hello {
    fn handle(_request: IncomingRequest, out: ResponseOutparam) {
        let fields = Fields::from_list(&[
            ("content-type".into(), b"text/html; charset=utf-8".to_vec()),
            ("content-length".into(), PAGE.len().to_string().into_bytes()),
        ])
        .unwrap();
        let response = OutgoingResponse::new(fields);
        let body = response.body().unwrap();
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().unwrap();
        stream.blocking_write_and_flush(PAGE.as_bytes()).unwrap();
        drop(stream);
        OutgoingBody::finish(body, None).unwrap();
    }
}

wasip2::http::proxy::export!(Hello);

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Hello</title>
<h1>Hello from under the bell jar</h1>
<p>This page was made by a WebAssembly component that lived for this one request.</p>
</html>
";
