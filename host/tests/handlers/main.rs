//! Tests of handlers: their contracts, grants and instances, and the limits of hostile handlers.

#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod client_fairness;
#[cfg(target_os = "linux")]
mod cpu_fairness;
#[cfg(target_os = "linux")]
mod databases;
mod fairness;
mod guestbook;
mod hello;
mod hostile_handlers;
mod keyvalue;
#[cfg(target_os = "linux")]
mod memory;
mod other_hosts;
mod outbound;
mod reuse;
mod shared_instances;
mod sockets;
mod wasi_http;
mod wasi_resources;
