//! The connection: the form of requests, their bodies, limits and failures, as a client sees them.

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod concurrency;
mod failures;
#[cfg(target_os = "linux")]
mod hostile_clients;
mod limits;
mod persistence;
mod rates;
mod request_form;
mod streaming;
