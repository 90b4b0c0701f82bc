//! `wasi:http/outgoing-handler` and `wasi:http/client`: requests that a guest makes. None is granted.

use std::future::Future;

use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// Decides on a guest's own requests.
pub(super) struct Outbound;

type Sent = (
    hyper::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        _request: hyper::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_FRAME
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_FRAME
    }
}

/// Bytes of a body that a guest may write at a time. Two or three of them are held on their way to the client.
const MAX_FRAME: usize = 64 << 10;
