//! What a handler sees of its environment.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::belljar::handler::types::Scheme;
use crate::query::Query;
use crate::{Request, Response, text};

/// The request as the handler received it: a line for each part, an empty line, and the header fields.
pub fn headers(request: &Request) -> Response {
    let scheme = match request.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let mut report = format!(
        "method {}\nscheme {scheme}\nauthority {}\npath {}\nquery {}\nclient {}\nbody {}\n\n",
        request.method,
        request.authority.as_deref().unwrap_or("(none)"),
        request.path,
        request.query.as_deref().unwrap_or("(none)"),
        request.client,
        if request.body.is_some() {
            "present"
        } else {
            "(none)"
        },
    )
    .into_bytes();
    for (name, value) in &request.headers {
        report.extend_from_slice(name.as_bytes());
        report.extend_from_slice(b": ");
        report.extend_from_slice(value);
        report.push(b'\n');
    }
    text(report)
}

/// The environment variables as `NAME=value`, one per line.
pub fn env() -> Response {
    text(
        std::env::vars()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect::<String>(),
    )
}

/// The seconds since 1970.
pub fn clock() -> Response {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    text(format!("{now}\n"))
}

/// A random number.
pub fn random() -> Response {
    text(format!(
        "{:016x}\n",
        RandomState::new().build_hasher().finish()
    ))
}

/// How often this instance was called: 1, unless state of an earlier request was left behind.
pub fn count() -> Response {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    text(format!("{}\n", CALLS.fetch_add(1, Ordering::Relaxed) + 1))
}

pub fn print() -> Response {
    println!("a line on the standard output");
    println!("another with an escape \u{1b}[31m and a carriage return \r in it");
    eprintln!("a line on the standard error");
    print!("a line without an end");
    // No destructor runs at the end of a call: the instance is discarded.
    let _ = std::io::stdout().flush();
    text("printed\n")
}

/// Tries the network in every way. `address=` is a server that would answer.
pub fn sockets(query: &Query) -> Response {
    let address = query.text("address").unwrap_or("127.0.0.1:80");
    let patience = Duration::from_secs(1);
    let connect = address
        .parse()
        .map_err(|error| format!("{error}"))
        .and_then(|address| {
            TcpStream::connect_timeout(&address, patience).map_err(|error| format!("{error}"))
        });
    text(format!(
        "connect: {}\nlisten: {}\nudp: {}\nlook-up: {}\n",
        verdict(connect),
        verdict(TcpListener::bind("127.0.0.1:0")),
        verdict(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"out", address))),
        verdict("localhost:80".to_socket_addrs()),
    ))
}

fn verdict<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "ALLOWED".into(),
        Err(error) => format!("refused ({error})"),
    }
}
