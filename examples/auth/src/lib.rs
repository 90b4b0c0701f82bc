//! A middleware that asks for a password or a token, for any handler of wasi:http 0.2.

mod credential;

use credential::Credential;
use exports::wasi::http::incoming_handler::Guest;
use wasi::http::incoming_handler as next;
use wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

wit_bindgen::generate!({
    path: "wit",
    world: "middleware",
    generate_all,
});

struct Auth;

export!(Auth);

impl Guest for Auth {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let Some(credential) = Credential::from_environment() else {
            eprintln!(
                "auth: set AUTH_BASIC to user:password, or AUTH_TOKEN to a token, in the grants of this handler"
            );
            return answer(out, 503, &[], "This page is not available.\n");
        };
        match request.headers().get("authorization").as_slice() {
            // The handler behind this one answers.
            [given] if credential.is(given) => next::handle(request, out),
            _ => {
                let challenge = [("www-authenticate", credential.challenge())];
                answer(
                    out,
                    401,
                    &challenge,
                    "This page needs a password or a token.\n",
                );
            }
        }
    }
}

fn answer(out: ResponseOutparam, status: u16, fields: &[(&str, &str)], text: &str) {
    let headers = Fields::new();
    for (name, value) in [&[("content-type", "text/plain; charset=utf-8")], fields].concat() {
        // The names and values of this program are valid.
        let _ = headers.append(name, value.as_bytes());
    }
    let response = OutgoingResponse::new(headers);
    let _ = response.set_status_code(status);
    let body = response.body();
    ResponseOutparam::set(out, Ok(response));
    let Ok(body) = body else { return };
    if let Ok(stream) = body.write() {
        // A client that has gone needs no text.
        let _ = stream.blocking_write_and_flush(text.as_bytes());
    }
    let _ = OutgoingBody::finish(body, None);
}
