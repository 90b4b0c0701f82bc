//! `wasi:http/types.http-error-code` (0.2): which error a stream of a response broke off with.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::IoError;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::wasi::host_state::State;

/// Links the function in place of the one of wasmtime-wasi-http, which does not know the errors of its own streams.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("wasi:http/types@0.2.12")?.func_wrap(
        "http-error-code",
        |mut store: StoreContextMut<'_, State>, (error,): (Resource<IoError>,)| {
            let error = store.data_mut().table.get(&error)?;
            let code = error
                .downcast_ref::<ErrorCode>()
                .cloned()
                .or_else(|| error.downcast_ref::<Error>().map(code));
            Ok((code,))
        },
    )
}

/// Of what can happen after a response's head; the rest is told in words.
fn code(error: &Error) -> ErrorCode {
    match error {
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::ConnectionTerminated => ErrorCode::ConnectionTerminated,
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
        Error::HttpRequestBodySize(size) => ErrorCode::HttpRequestBodySize(*size),
        Error::HttpResponseHeaderSectionSize(size) => {
            ErrorCode::HttpResponseTrailerSectionSize(*size)
        }
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::HttpResponseTimeout => ErrorCode::HttpResponseTimeout,
        other => ErrorCode::InternalError(Some(other.to_string())),
    }
}
