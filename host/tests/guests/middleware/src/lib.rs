//! A test middleware for wasi:http 0.2. The end of the path chooses its behaviour: `/stop/NAME` is for the middleware of this
//! name, and other paths are passed on. `test-middleware-async` does the same with 0.3.

wit_bindgen::generate!({
    path: "../../../../examples/auth/wit",
    world: "middleware",
    generate_all,
});

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use exports::wasi::http::incoming_handler::Guest;
use wasi::http::incoming_handler as next;
use wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

/// The name of the middleware. A test replaces it in the binary.
static NAME: [u8; 8] = *b"NAME____";

static COUNT: AtomicU32 = AtomicU32::new(0);

struct Middleware;

export!(Middleware);

impl Guest for Middleware {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let name = black_box(&NAME);
        let name = str::from_utf8(name).unwrap_or_default();
        let target = request.path_with_query().unwrap_or_default();
        let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
        eprintln!("{name} has {target}, its request {count}");
        let asked = |what: &str| target.ends_with(&format!("/{what}/{name}"));
        if asked("stop") {
            answer(out, &format!("stopped by {name}\n"));
        } else if asked("count") {
            answer(out, &count.to_string());
        } else if asked("loop") {
            loop {
                black_box(0);
            }
        } else if asked("trap") {
            panic!("{name} was asked to trap");
        } else if target.ends_with("?grow") {
            // The memory is in use while the handler behind this one answers.
            let bytes = black_box(vec![1_u8; 24 << 20]);
            next::handle(request, out);
            drop(black_box(bytes));
        } else {
            next::handle(request, out);
        }
    }
}

fn answer(out: ResponseOutparam, text: &str) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("the first call");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the first call");
    stream
        .blocking_write_and_flush(text.as_bytes())
        .expect("the host accepts it");
    drop(stream);
    OutgoingBody::finish(body, None).expect("the body has no length");
}
