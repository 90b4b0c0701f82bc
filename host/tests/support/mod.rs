//! Code that the black-box tests share: a server to start, a client on a bare socket, and a folder to serve.
//!
//! Nothing here depends on the internals of the server. The client is strict: an answer that HTTP/1.1 forbids fails the
//! test, whatever the test is about.

// Each test program uses a part of this module.
#![allow(dead_code, unused_imports)]

mod browser;
mod cgroup;
mod client;
#[cfg(target_os = "linux")]
mod isolated;
mod middleware;
#[cfg(target_os = "linux")]
mod name_server;
mod peer;
mod program;
mod server;
#[cfg(target_os = "linux")]
mod service_manager;
mod site;
#[cfg(target_os = "linux")]
mod system_call;

pub use browser::Browser;
pub use cgroup::Cgroup;
pub use client::{Broken, Client, Response, WAIT_LIMIT};
#[cfg(target_os = "linux")]
pub use isolated::{mount_disk, run_isolated};
pub use middleware::middleware;
#[cfg(target_os = "linux")]
pub use name_server::{NameServer, set_up_network};
pub use peer::Peer;
#[cfg(target_os = "linux")]
pub use program::processes_below;
pub use program::{
    Ended, answering, answering_page, belljar, component, component_for, exploding, handler_of,
    handler_of_options, handler_that, importing, program, run, run_command, user_shell, wait,
    without_cargo,
};
pub use server::{Server, ServerOptions, start_unread};
#[cfg(target_os = "linux")]
pub use service_manager::deny_executable_memory;
pub use site::{Site, past};
#[cfg(target_os = "linux")]
pub use system_call::system_call;

/// Waits until something is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < WAIT_LIMIT, "{what}: never");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The head of a request with a Host field.
pub fn head(method: &str, target: &str, fields: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

/// A POST with a Content-Length.
pub fn post(target: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let mut request = head("POST", target, &[("Content-Length", &length)]).into_bytes();
    request.extend_from_slice(body);
    request
}

/// A chunked POST. `coded` is the body with its chunk sizes.
pub fn post_chunked(target: &str, coded: &[u8]) -> Vec<u8> {
    let mut request = head("POST", target, &[("Transfer-Encoding", "chunked")]).into_bytes();
    request.extend_from_slice(coded);
    request
}

/// A request as text for a failure message, with visible control bytes and cut to a readable length.
pub fn shown(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], bytes.len()),
        None => text,
    }
}
