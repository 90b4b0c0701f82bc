//! `wasi:http/proxy@0.2`: the guest gets a request, and an out-parameter that takes its response.

use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};

use super::adapter::WorldAdapter;
use super::outgoing::{Early, Outgoing};
use super::request;
use crate::failure::Failure;
use crate::wasi::host_state::HostState;
use belljar_http::{Request, Response};

/// `wasi:http/proxy@0.2`.
pub(crate) struct WasiHttp02;

impl WorldAdapter for WasiHttp02 {
    type Linked = ProxyPre<HostState>;
    type Exports = Proxy;

    const NAME: &'static str = "wasi:http/proxy@0.2";
    const STREAMS: bool = true;

    fn is_export(name: &str) -> bool {
        name.starts_with("wasi:http/incoming-handler@0.2.")
    }

    fn provides(_: &str) -> bool {
        false
    }

    fn link(component: InstancePre<HostState>) -> wasmtime::Result<Self::Linked> {
        ProxyPre::new(component)
    }

    async fn instantiate(
        component: &Self::Linked,
        store: &mut Store<HostState>,
    ) -> wasmtime::Result<Proxy> {
        component.instantiate_async(store).await
    }

    async fn answer(
        store: &mut Store<HostState>,
        exports: &Proxy,
        request: Request,
        client: &str,
        early: Option<Early>,
    ) -> Result<Option<Response>, Failure> {
        let early = early.ok_or(Failure::NoResponse)?;
        // Boxed, because the future is large, and the futures of all worlds take the room of the largest.
        Box::pin(answer(store, exports, request, client, early)).await
    }
}

async fn answer(
    store: &mut Store<HostState>,
    exports: &Proxy,
    request: Request,
    client: &str,
    early: Early,
) -> Result<Option<Response>, Failure> {
    let head_only = request.head.method() == "HEAD";
    let mut request = request::convert(request, client);
    // A request of wasi:http 0.2 must have an authority; one of HTTP/1.0 may have none.
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

/// The authority given to a request that has none.
const NO_AUTHORITY: &str = "localhost";
