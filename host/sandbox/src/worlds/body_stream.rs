//! The body of a request as a `wasi:io/streams.input-stream`.

use std::future::poll_fn;

use bytes::Bytes;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use belljar_http::RequestBody;

/// The body of a request. Nothing is read from the client before the guest asks.
pub(crate) struct BodyStream(pub RequestBody);

#[wasmtime_wasi_io::async_trait]
impl Pollable for BodyStream {
    async fn ready(&mut self) {
        poll_fn(|context| self.0.poll_ready(context)).await;
    }
}

#[wasmtime_wasi_io::async_trait]
impl InputStream for BodyStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.0.try_read(size) {
            None => Ok(Bytes::new()),
            Some(Ok(Some(bytes))) => Ok(bytes),
            Some(Ok(None)) => Err(StreamError::Closed),
            Some(Err(error)) => Err(StreamError::LastOperationFailed(wasmtime::Error::new(
                error,
            ))),
        }
    }
}
