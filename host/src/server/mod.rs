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
//! Under `belljar dev`, `live_reload` adds a script to pages, and tells it about changes.
//!
//! When a handler fails, `failure_response` maps the failure to a status and `failure_log` writes the log line.
//!
//! A line of the log passes through these files:
//!
//! ```text
//! log_format        writes an event as a line, and escapes the text of others
//! log_limit         asks log_rates whether the line may be written, and log_left_out tells what was not
//! stderr            writes the lines, and those of access_log
//! ```

mod access_log;
mod answer;
mod config;
mod connection;
mod dispatch;
mod error_page;
mod exchange;
mod failure_log;
mod failure_response;
mod idle_list;
mod lifecycle;
mod listener;
mod live_reload;
mod log_format;
mod log_left_out;
mod log_limit;
mod log_rates;
mod log_text;
mod open_connections;
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
pub use live_reload::{Build, LiveReload};
pub use log_format::log_to;
pub(crate) use log_text::sanitized;
pub use route_target::{ActiveHandler, FixedResponse, MissingHandler, RouteTarget, Routes};
pub use stderr::Stderr;
pub use write_batching::on_thread_park;
