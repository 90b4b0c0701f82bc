//! belljar: an HTTP server whose every request is answered by a WebAssembly component in a sandbox of its own.
//!
//! A request's way, each step a module that can be read alone:
//!
//! ```text
//! server::listener -> belljar_http::Connection -> routing::Table -> belljar_sandbox::Handler -> Connection::respond
//! ```
//!
//! - [`belljar_http`] is HTTP/1.1 over any stream. It knows nothing of WebAssembly.
//! - [`belljar_sandbox`] is instances, grants and limits. It knows nothing of sockets.
//! - [`server`] is where the two meet, and nowhere else.
//!
//! Which handler answers which request is said by a [`config`], kept live by [`deploy`], and looked up in [`routing`].

pub mod config;
pub mod deploy;
pub mod routing;
pub mod server;
