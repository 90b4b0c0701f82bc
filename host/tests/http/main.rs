//! Tests of HTTP as a client sees it: the syntax of requests, bodies, limits and failures.

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod concurrency;
mod failures;
#[cfg(target_os = "linux")]
mod hostile_clients;
mod limits;
mod log;
mod persistence;
mod rates;
mod request_syntax;
mod streaming;
