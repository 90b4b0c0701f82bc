//! TCP connections of handlers: which are granted, by address and by name.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::thread;

use crate::support::{Server, Site, component, run};

/// Handlers of wasi:http 0.3, whose sockets are those of WASI 0.3, and of belljar's contract, whose sockets are those of 0.2.
const GUESTS: [&str; 2] = ["test_service", "test_grants"];

#[test]
fn a_granted_name_leads_to_its_addresses_at_its_port() {
    let granted = greeter();
    let other = greeter();
    for guest in GUESTS {
        let server = server(guest, &format!("--allow-tcp localhost:{}", granted.port()));
        for (to, expected) in [
            (format!("localhost:{}", granted.port()), "welcome"),
            (format!("LOCALHOST.:{}", granted.port()), "welcome"),
            // Another port of the same host.
            (format!("localhost:{}", other.port()), "denied"),
            // The same address, without the lookup that leads to it.
            (granted.to_string(), "denied"),
            ("db.example:5432".to_owned(), "denied"),
        ] {
            let text = server.get(&format!("/tcp?to={to}")).text();
            match expected {
                "denied" => assert!(is_denied(&text), "{guest} {to}: {text}"),
                _ => assert_eq!(text, expected, "{guest} {to}: {}", server.log()),
            }
        }
        for flag in [
            format!("--allow-tcp 127.0.0.1:{}", other.port()),
            format!("--allow-tcp {granted}"),
            "--allow-tcp db.example:PORT".to_owned(),
        ] {
            server.wait_for_log("the flag that would allow it", |line| line.contains(&flag));
        }
    }
}

#[test]
fn a_name_with_a_private_address_is_refused_unless_its_network_is_allowed() {
    let (name, address) = private_name();
    let handler = component("test_grants").display().to_string();
    let allow_tcp = format!("{name}:5432");
    for command in ["serve", "check"] {
        let handler = ["--handler", &handler];
        let handler = &handler[usize::from(command == "check")..];
        let flags = ["--allow-tcp", &allow_tcp];
        let ended = run([&[command], handler, &flags].concat());
        assert_eq!(ended.code, Some(2), "{command}: {ended:?}");
        let lines: Vec<_> = ended.stderr.lines().collect();
        assert!(
            lines.len() == 1
                && lines[0].contains(&format!("cannot allow TCP connections to {allow_tcp}: "))
                && lines[0].contains(&format!("add --allow-private {address}")),
            "{command}: {ended:?}"
        );
    }
    let flags = format!("--allow-tcp {allow_tcp} --allow-private {address}");
    let server = server("test_grants", &flags);
    let found = server.get(&format!("/lookup?name={name}")).text();
    assert!(found.lines().any(|line| line == address), "{found}");
}

/// The version that serves stays when a changed file grants a name with a private address.
#[test]
fn a_changed_grant_of_a_private_name_replaces_nothing() {
    let (name, address) = private_name();
    let component = component("test_grants").display().to_string();
    let config = |grants: &str| {
        format!("[[route]]\npath = \"/*\"\ncomponent = {component:?}\ngrants = {{ {grants} }}\n")
    };
    let site = Site::new(&[("belljar.toml", &config("config = { version = \"1\" }"))]);
    let server = Server::of_config(&site.at("belljar.toml")).start();
    server.wait_for_text("/config?name=version", "Ok(Some(\"1\"))\n");
    let refused = config(&format!(
        "allow-tcp = [\"{name}:5432\"], config = {{ version = \"2\" }}"
    ));
    site.write("belljar.toml", refused.as_bytes());
    server.wait_for_log("the reason", |line| {
        line.contains(&format!("cannot allow TCP connections to {name}:5432"))
            && line.contains(&format!("--allow-private {address}"))
    });
    let text = server.get("/config?name=version").text();
    assert_eq!(text, "Ok(Some(\"1\"))\n");
}

#[test]
fn a_socket_without_any_grant_is_logged() {
    for guest in GUESTS {
        let server = server(guest, "");
        let text = server.get("/tcp?to=127.0.0.1:9").text();
        assert!(is_denied(&text), "{guest}: {text}");
        server.wait_for_log("the flag that would allow it", |line| {
            line.contains("a TCP socket was denied") && line.contains("add --allow-tcp HOST:PORT")
        });
    }
}

#[test]
fn a_handler_with_granted_connections_cannot_listen() {
    let server = server("test_service", "--allow-tcp 127.0.0.1:9");
    let report = server.get("/listen").text();
    assert_eq!(report, "Err(ErrorCode::AccessDenied)\n".repeat(3));
    server.wait_for_log("what is denied", |line| {
        line.contains("handlers cannot listen")
    });
}

fn server(guest: &str, flags: &str) -> Server {
    Server::options().handler(guest).args(flags).start()
}

/// A server on 127.0.0.1 that greets each client.
fn greeter() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("the listener has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.write_all(b"welcome");
        }
    });
    address
}

fn is_denied(text: &str) -> bool {
    ["permission denied", "AccessDenied", "lookup"]
        .into_iter()
        .any(|word| text.to_lowercase().contains(&word.to_lowercase()))
}

/// A name of this machine whose addresses are not public, and its first address.
fn private_name() -> (String, String) {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let names = ["ip6-localhost", "ip6-loopback", host.trim()];
    let found = names.into_iter().find_map(|name| {
        let first = (name, 0).to_socket_addrs().ok()?.next()?;
        Some((name.to_owned(), first.ip().to_canonical().to_string()))
    });
    found.expect("/etc/hosts has the name of this machine, or ip6-localhost")
}
