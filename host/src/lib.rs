//! belljar is an HTTP server. A WebAssembly component answers each request, in a sandbox of its own.
//!
//! A request passes through these modules, each of which can be read on its own:
//!
//! ```text
//! server::listener -> belljar_http::Connection -> routing::Table -> belljar_sandbox::Handler -> Connection::respond
//! ```
//!
//! - [`belljar_http`] implements HTTP/1.1 over any stream. It does not know WebAssembly.
//! - [`belljar_sandbox`] runs handlers with their grants and limits. It opens no listening sockets and chooses no HTTP
//!   status for a failure.
//! - [`server`] connects the two: it calls handlers and sends their responses.
//! - [`config`] reads the configuration, which maps routes to handlers.
//! - [`deploy`] loads the handlers and replaces them when they change.
//! - [`compile`] compiles components in processes of their own.
//! - [`regular_file`] reads the files of operators.
//! - [`hardening`] has the kernel deny what the program does not need.
//! - [`routing`] finds the route of a request.

pub mod compile;
pub mod config;
pub mod deploy;
pub mod hardening;
pub mod regular_file;
pub mod routing;
pub mod server;
