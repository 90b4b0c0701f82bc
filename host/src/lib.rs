//! belljar: an HTTP server whose every request is answered by a WebAssembly component in a sandbox of its own.
//!
//! A request's way, each step a module that can be read alone:
//!
//! ```text
//! server::listener -> http::Connection -> http::Request -> routing::Table -> sandbox::Handler -> http::Response -> http::Connection
//! ```
//!
//! - [`http`] is HTTP/1.1 over any stream. It knows nothing of WebAssembly.
//! - [`sandbox`] is instances, grants and limits. It knows nothing of sockets.
//! - [`server`] is where the two meet, and nowhere else.
//!
//! Which handler answers which request is said by a [`config`], kept live by [`deploy`], and looked up in [`routing`].

pub mod config;
pub mod deploy;
pub mod http;
pub mod routing;
pub mod sandbox;
pub mod server;
