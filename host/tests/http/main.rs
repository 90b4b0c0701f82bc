//! Tests of HTTP connections from the client's side: syntax, bodies, limits and failures.

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
