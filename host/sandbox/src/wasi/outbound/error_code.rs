//! `wasi:http/types.http-error-code` (0.2): the error that ended the stream of a response.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::IoError;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

/// Links the function in place of the one of wasmtime-wasi-http, which does not know the errors of its own streams.
pub(crate) fn link<T: 'static>(
    linker: &mut Linker<T>,
    table: fn(&mut T) -> &mut ResourceTable,
) -> wasmtime::Result<()> {
    linker.instance("wasi:http/types@0.2.12")?.func_wrap(
        "http-error-code",
        move |mut store: StoreContextMut<'_, T>, (error,): (Resource<IoError>,)| {
            let error = table(store.data_mut()).get(&error)?;
            let code = error
                .downcast_ref::<ErrorCode>()
                .cloned()
                .or_else(|| error.downcast_ref::<Error>().map(code));
            Ok((code,))
        },
    )
}

/// The code for an error that can occur after the head of a response. Other errors become an internal error with a
/// description.
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
