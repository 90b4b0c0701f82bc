//! `wasi:http/service@0.3`: `handler.handle` is an async function from a request to a response, whose tasks go on
//! while the body is on its way.

use std::future::poll_fn;

use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::Request as GuestRequest;
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::{Error, FieldMap, WasiHttpView};

use super::outgoing::Outgoing;
use super::{Early, request};
use crate::http::{Request, Response};
use crate::sandbox::failure::Failure;
use crate::sandbox::state::State;

/// Has an instance answer one request.
pub(super) async fn answer(
    store: &mut Store<State>,
    exports: &Service,
    request: Request,
    early: Early,
) -> Result<Option<Response>, Failure> {
    let head_only = request.head.method() == "HEAD";
    let request = guest_request(store, request);
    let (sender, response) = oneshot::channel();
    let (told, transmitted) = oneshot::channel::<()>();
    let run = async {
        let run = store.run_concurrent(async |accessor: &Accessor<State>| {
            let response = match exports.handle(accessor, request).await? {
                Ok(response) => response,
                Err(code) => {
                    let _ = sender.send(Err(code));
                    return Ok(());
                }
            };
            let (seen, arrived) = oneshot::channel();
            let arrived = async { arrived.await.map_err(|_| Error::ConnectionTerminated) };
            let response = accessor.with(|store| response.into_http(store, arrived))?;
            let _ = sender.send(Ok(response));
            // The guest's tasks go on, and the body with them, while this waits.
            if transmitted.await.is_ok() {
                let _ = seen.send(());
            }
            poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
            Ok(())
        });
        run.await?
    };
    let outgoing = Outgoing {
        run,
        response,
        transmitted: Some(told),
        head_only,
    };
    outgoing.relay(early).await
}

fn guest_request(store: &mut Store<State>, request: Request) -> GuestRequest {
    let (parts, content) = request::convert(request).into_parts();
    let authority = parts.headers.get(hyper::header::HOST);
    let authority = authority.and_then(|host| host.as_bytes().try_into().ok());
    let path_with_query = parts.uri.path_and_query().cloned();
    let headers = FieldMap::new_immutable(store.data_mut().http().hooks, parts.headers);
    let scheme = Some(hyper::http::uri::Scheme::HTTP);
    let (request, _processed) = GuestRequest::new(
        parts.method,
        scheme,
        authority,
        path_with_query,
        headers,
        None,
        content,
    );
    request
}
