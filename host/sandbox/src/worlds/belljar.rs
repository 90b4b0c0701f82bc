//! belljar's own contract: the world `handler` of `wit/handler.wit`.

use wasmtime::Store;
use wasmtime::component::{InstancePre, Resource};
use wasmtime_wasi::OpenMode;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::DynInputStream;

use super::adapter::WorldAdapter;
use super::body_stream::BodyStream;
use super::outgoing::Early;
use crate::account::held_bytes::held;
use crate::failure::Failure;
use crate::wasi::host_state::HostState;
use belljar_http::{Body, Request, Response};

use bindings::belljar::handler::types;
use bindings::{Handler, HandlerPre};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/handler",
        world: "handler",
        with: { "wasi": wasmtime_wasi::p2::bindings },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// belljar's own contract.
pub(crate) struct Belljar;

impl WorldAdapter for Belljar {
    type Linked = HandlerPre<HostState>;
    type Exports = Handler;

    const NAME: &'static str = "belljar:handler/handler@0.1";
    const STREAMS: bool = false;

    fn is_export(name: &str) -> bool {
        name == "handle"
    }

    fn provides(import: &str) -> bool {
        import.starts_with("belljar:handler/types@0.1.")
    }

    fn link(component: InstancePre<HostState>) -> wasmtime::Result<Self::Linked> {
        HandlerPre::new(component)
    }

    async fn instantiate(
        component: &Self::Linked,
        store: &mut Store<HostState>,
    ) -> wasmtime::Result<Handler> {
        component.instantiate_async(store).await
    }

    async fn answer(
        store: &mut Store<HostState>,
        exports: &Handler,
        request: Request,
        client: &str,
        _: Option<Early>,
    ) -> Result<Option<Response>, Failure> {
        answer(store, exports, request, client).await.map(Some)
    }
}

async fn answer(
    store: &mut Store<HostState>,
    exports: &Handler,
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

fn into_response(
    store: &mut Store<HostState>,
    response: types::Response,
) -> Result<Response, Failure> {
    let body = match response.body {
        types::Body::Empty => Body::Empty,
        types::Body::Bytes(bytes) => {
            let account = store.data().handler_account();
            Body::Bytes(held(bytes.into(), account).map_err(Failure::no_memory)?)
        }
        types::Body::File(file) => open_file(store, file)?,
    };
    Response::new(response.status, response.headers, body)
        .map_err(|error| Failure::InvalidResponse(error.to_string()))
}

/// Takes the file out of the guest's table, so that only the host can use it from here on.
fn open_file(store: &mut Store<HostState>, file: types::File) -> Result<Body, Failure> {
    let descriptor: Resource<Descriptor> = file.descriptor;
    match store.data_mut().table.delete(descriptor) {
        Ok(Descriptor::File(opened)) if !opened.open_mode.contains(OpenMode::READ) => Err(
            Failure::InvalidResponse("its body is a file that is not open for reading".into()),
        ),
        Ok(Descriptor::File(opened)) => Ok(Body::File {
            file: opened.file,
            offset: file.offset,
            length: file.length,
        }),
        Ok(Descriptor::Dir(_)) => Err(Failure::InvalidResponse(
            "its body is a directory, not a file".into(),
        )),
        Err(error) => Err(Failure::Trap(error.into())),
    }
}
