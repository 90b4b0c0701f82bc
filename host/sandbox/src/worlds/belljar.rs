//! belljar's own contract: `wit/handler.wit`, world `handler`.

use bytes::Bytes;
use wasmtime::Store;
use wasmtime::component::Resource;
use wasmtime_wasi::OpenMode;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::DynInputStream;

use crate::failure::Failure;
use crate::wasi::host_state::State;
use crate::worlds::body_stream::BodyStream;
use belljar_http::{Body, Request, Response};

use bindings::belljar::handler::types;
pub(super) use bindings::{Handler as Exports, HandlerPre as Prepared};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "handler",
        with: { "wasi": wasmtime_wasi::p2::bindings },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// The function that makes a component a handler of this contract.
pub(super) const EXPORT: &str = "handle";

/// Whether a component's import belongs to the contract itself.
pub(super) fn provides(import: &str) -> bool {
    import.starts_with("belljar:handler/types@0.1.")
}

/// Has an instance answer one request.
pub(super) async fn answer(
    store: &mut Store<State>,
    exports: &Exports,
    request: Request,
    client: &str,
) -> Result<Response, Failure> {
    let Request {
        mut head,
        body,
        added,
    } = request;
    let body = match body {
        Some(body) => {
            let stream: DynInputStream = Box::new(BodyStream(body));
            Some(
                store
                    .data_mut()
                    .table
                    .push(stream)
                    .map_err(|error| Failure::Trap(error.into()))?,
            )
        }
        None => None,
    };
    head.lowercase_names();
    let added = added
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    let headers: Vec<(&str, &[u8])> = head.handler_fields().chain(added).collect();
    let request = types::Request {
        method: head.method(),
        scheme: types::Scheme::Http,
        authority: head.authority(),
        path: head.path(),
        query: head.query(),
        headers: &headers,
        client,
        body,
    };
    let response = exports
        .call_handle(&mut *store, request)
        .await
        .map_err(Failure::Trap)?;
    into_response(store, response)
}

fn into_response(store: &mut Store<State>, response: types::Response) -> Result<Response, Failure> {
    let body = match response.body {
        types::Body::Empty => Body::Empty,
        types::Body::Bytes(bytes) => Body::Bytes(Bytes::from(bytes)),
        types::Body::File(file) => open_file(store, file)?,
    };
    Response::new(response.status, response.headers, body)
        .map_err(|error| Failure::InvalidResponse(error.to_string()))
}

/// Takes the file out of the guest's table: from here on it is the host's.
fn open_file(store: &mut Store<State>, file: types::File) -> Result<Body, Failure> {
    let descriptor: Resource<Descriptor> = file.descriptor;
    match store.data_mut().table.delete(descriptor) {
        Ok(Descriptor::File(opened)) if !opened.open_mode.contains(OpenMode::READ) => Err(
            Failure::InvalidResponse("its body is a file that was not opened to be read".into()),
        ),
        Ok(Descriptor::File(opened)) => Ok(Body::File {
            file: opened.file,
            offset: file.offset,
            length: file.length,
        }),
        Ok(Descriptor::Dir(_)) => Err(Failure::InvalidResponse(
            "its body is the descriptor of a directory".into(),
        )),
        Err(error) => Err(Failure::Trap(error.into())),
    }
}
