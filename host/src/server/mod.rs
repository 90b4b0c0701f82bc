//! The HTTP server: it accepts connections, finds the route of each request and sends the response.
//!
//! A request passes through these files, in this order:
//!
//! ```text
//! listener          accepts a connection
//! connection        reads requests from the connection, one after another
//! answer            directs the request through the next two steps, with the call of the handler between them
//! dispatch          finds the route and decides what answers the request
//! send_response     sends the response and releases the handler's instance
//! exchange          reports the finished request to access_log
//! ```
//!
//! When a handler fails, `failure_response` maps the failure to a status and `failure_log` writes the log line.

mod access_log;
mod answer;
mod config;
mod connection;
mod dispatch;
mod error_page;
mod eviction;
mod exchange;
mod failure_log;
mod failure_response;
mod lifecycle;
mod listener;
mod log_text;
mod route_fields;
mod route_target;
mod send_response;
mod shared;
mod stderr;
mod write_batching;

pub use access_log::{AccessLog, Detail};
pub use config::ServerConfig;
pub use lifecycle::run;
pub use listener::bind;
pub(crate) use log_text::sanitized;
pub use route_target::{ActiveHandler, FixedResponse, MissingHandler, RouteTarget, Routes};
pub use stderr::Stderr;
pub use write_batching::on_thread_park;
