#![doc = include_str!("../README.md")]
#![cfg_attr(all(target_family = "wasm", not(feature = "std")), no_std)]
#![deny(unsafe_code, missing_docs)]

extern crate alloc;

#[cfg(all(feature = "allocator", any(target_family = "wasm", test)))]
mod allocator;
mod body;
mod error;
mod escape;
mod file;
#[cfg(feature = "form")]
mod form;
mod headers;
#[cfg(feature = "http")]
mod http_types;
mod incoming;
#[cfg(feature = "json")]
mod json;
mod log;
mod media;
mod request;
mod response;
#[cfg(all(target_family = "wasm", not(feature = "std")))]
mod runtime;

pub use body::Body;
pub use error::Error;
pub use escape::{Escaped, escape};
pub use file::File;
pub use headers::Headers;
#[cfg(feature = "http")]
pub use http_types::Client;
pub use incoming::Incoming;
pub use request::{Request, Scheme};
pub use response::Response;

/// The bindings that wit-bindgen generates from the contract, for everything that this crate does not wrap.
#[allow(unsafe_code, missing_docs, clippy::missing_safety_doc)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "handler",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "belljar_guest::bindings",
    });
}

/// Makes a function the component's handler. Use it once, in a crate whose `crate-type` is `cdylib`.
///
/// The function takes a [`Request`], or a type that implements `TryFrom<Request>`, such as `http::Request<Incoming>` and
/// `http::Request<Vec<u8>>` with the feature `http`. It returns a [`Response`] or a type that converts into one: text, an
/// `http::Response`, or a `Result` of these, whose error decides the status.
///
/// ```
/// use belljar_guest::{Error, Request, Response};
///
/// belljar_guest::handler!(handle);
///
/// fn handle(request: Request) -> Result<Response, Error> {
///     match request.path.as_str() {
///         "/" => Ok(Response::html("<h1>Hello</h1>")),
///         path => Response::file(path),
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! handler {
    ($handler:expr) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component;

            impl $crate::bindings::Guest for Component {
                fn handle(request: $crate::bindings::Request) -> $crate::bindings::Response {
                    $crate::answer($handler, request.into()).into()
                }
            }

    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };

        // A native build exports nothing, but it checks the function's types.
        #[cfg(not(target_family = "wasm"))]
        const _: fn($crate::Request) -> $crate::Response =
            |request| $crate::answer($handler, request);
    };
}

/// Calls a handler as the server does. Tests of a handler begin with it.
///
/// ```
/// use belljar_guest::{Request, answer};
///
/// fn greet(request: Request) -> String {
///     format!("hello from {}\n", request.path)
/// }
///
/// assert_eq!(answer(greet, Request::get("/there")).status, 200);
/// ```
pub fn answer<A, R>(handler: impl FnOnce(A) -> R, request: Request) -> Response
where
    A: TryFrom<Request>,
    A::Error: Into<Response>,
    R: Into<Response>,
{
    match A::try_from(request) {
        Ok(request) => handler(request).into(),
        Err(refusal) => refusal.into(),
    }
}
