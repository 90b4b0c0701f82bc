//! `wasi:http/proxy@0.2`: `incoming-handler.handle` takes a request, and a place to put the response in.

use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::outgoing::Outgoing;
use super::{Early, request};
use crate::failure::Failure;
use crate::wasi::host_state::State;
use belljar_http::{Request, Response};

/// Has an instance answer one request.
pub(super) async fn answer(
    store: &mut Store<State>,
    exports: &Proxy,
    request: Request,
    early: Early,
) -> Result<Option<Response>, Failure> {
    let head_only = request.head.method() == "HEAD";
    let mut request = request::convert(request);
    // wasi:http 0.2 has no request without an authority, HTTP/1.0 has.
    let headers = request.headers_mut();
    headers
        .entry(hyper::header::HOST)
        .or_insert(hyper::header::HeaderValue::from_static(NO_AUTHORITY));
    let (sender, response) = oneshot::channel();
    let mut view = store.data_mut().http();
    let request = view
        .new_incoming_request(Scheme::Http, request)
        .map_err(Failure::Trap)?;
    let out = view.new_response_outparam(sender).map_err(Failure::Trap)?;
    let handler = exports.wasi_http_incoming_handler();
    let run = async {
        let over = handler.call_handle(store, request, out).await;
        over.map_err(Failure::Trap)
    };
    let outgoing = Outgoing {
        run,
        response,
        transmitted: None,
        head_only,
    };
    outgoing.relay(early).await
}

/// The authority of a request that names none.
const NO_AUTHORITY: &str = "localhost";
