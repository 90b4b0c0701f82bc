//! Names whose addresses change between two lookups, or whose lookups never end.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use crate::support::{NameServer, Peer, Server, Site, component, run_isolated, set_up_network};

/// DNS rebinding: a granted name leads to a public address first and to this machine afterwards, or to both.
#[test]
fn a_name_that_is_bound_again_never_leads_inside() {
    run_isolated("name_lookups::rebinding");
}

#[test]
#[ignore = "a_name_that_is_bound_again_never_leads_inside runs this isolated"]
fn rebinding() {
    let site = Site::new(&[]);
    set_up_network(&[PUBLIC], &site.path());
    let inside = Peer::of(&b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"[..]);
    let port = inside.address.port();
    let outside = Peer::of_at(
        (PUBLIC, port).into(),
        &b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npublic"[..],
    );
    let _names = NameServer::start(|name, before| {
        Some(match (name, before % 2) {
            ("both.test", 0) => vec![PUBLIC, Ipv4Addr::LOCALHOST],
            ("both.test", _) => vec![Ipv4Addr::LOCALHOST, PUBLIC],
            ("turns.test", 0) | ("stays.test", _) => vec![PUBLIC],
            _ => vec![Ipv4Addr::LOCALHOST],
        })
    });
    let server = Server::options()
        .handler("test_attacker")
        .args("--allow-outbound http://*:*")
        .start();
    let fetch = |name: &str| {
        let text = server.get(&format!("/reach/fetch?to=http://{name}:{port}/"));
        text.text()
    };
    for name in ["stays.test", "both.test", "both.test"] {
        assert_eq!(
            fetch(name),
            format!("200 http://{name}:{port}/\n"),
            "{name}: {}",
            server.log()
        );
    }
    for (name, expected) in [
        ("turns.test", "200 "),
        ("turns.test", "DestinationIpProhibited"),
        ("turns.test", "200 "),
        ("inside.test", "DestinationIpProhibited"),
    ] {
        let text = fetch(name);
        assert!(text.contains(expected), "{name}: {text}");
    }
    assert_eq!(inside.heads(), Vec::<String>::new());
    assert_eq!(outside.heads().len(), 5);
}

/// As for requests, for TCP connections: a name that is public when the server starts, and leads to this machine later.
#[test]
fn a_name_that_is_bound_again_never_leads_tcp_inside() {
    run_isolated("name_lookups::tcp_rebinding");
}

#[test]
#[ignore = "a_name_that_is_bound_again_never_leads_tcp_inside runs this isolated"]
fn tcp_rebinding() {
    let site = Site::new(&[]);
    set_up_network(&[PUBLIC], &site.path());
    let inside = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = inside.local_addr().expect("it has an address").port();
    inside.set_nonblocking(true).expect("it takes an option");
    let outside = TcpListener::bind((PUBLIC, port)).expect("the port is free there");
    thread::spawn(move || {
        for mut stream in outside.incoming().map_while(Result::ok) {
            let _ = stream.write_all(b"welcome");
        }
    });
    let _names = NameServer::start(|name, before| {
        Some(match (name, before) {
            ("both.test", _) => vec![Ipv4Addr::LOCALHOST, PUBLIC],
            ("later.test", 0) | ("stays.test", _) => vec![PUBLIC],
            _ => vec![Ipv4Addr::LOCALHOST],
        })
    });
    let flags = ["stays", "both", "later"].map(|name| format!("--allow-tcp {name}.test:{port} "));
    let options = Server::options().handler("test_grants");
    let server = options.args(&flags.concat()).start();
    for (name, expected) in [
        ("stays.test", "welcome"),
        ("both.test", "welcome"),
        ("later.test", ""),
    ] {
        let answer = server.get(&format!("/tcp?to={name}:{port}"));
        match expected {
            "" => assert_eq!(answer.status, 502, "{name}: {}", answer.text()),
            _ => assert_eq!(answer.text(), expected, "{name}: {}", server.log()),
        }
    }
    server.wait_for_log("the flag that would allow it", |line| {
        line.contains("later.test") && line.contains("--allow-private 127.0.0.1")
    });
    assert!(inside.accept().is_err(), "nothing reached this machine");
}

/// A handler asks for names that a name server never answers. Another handler's lookups go on.
#[test]
fn lookups_that_never_end_delay_no_other_handler() {
    run_isolated("name_lookups::endless_lookups");
}

#[test]
#[ignore = "lookups_that_never_end_delay_no_other_handler runs this isolated"]
fn endless_lookups() {
    let site = Site::new(&[]);
    set_up_network(&[PUBLIC], &site.path());
    let names = NameServer::start(|name, _| (!name.ends_with(".slow.test")).then(|| vec![PUBLIC]));
    let peer = Peer::of_at(
        (PUBLIC, 0).into(),
        &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..],
    );
    let port = peer.address.port();
    let handler = component("test_attacker");
    let handler = handler.display();
    let route = |host: &str| {
        format!(
            "[[site]]\nhosts = ['{host}']\n[[site.route]]\npath = '/*'\ncomponent = '{handler}'\n\
             name = '{host}'\n[site.route.grants]\nallow-outbound = ['http://*:*']\n"
        )
    };
    let text = format!(
        "listen = ['127.0.0.1:0']\n{}{}",
        route("greedy.test"),
        route("other.test")
    );
    let file = site.write("belljar.toml", text.as_bytes());
    let server = Server::of_config(&file).start();
    let fetch = |host: &str, to: &str| {
        format!("GET /reach/fetch?to=http://{to}/ HTTP/1.1\r\nHost: {host}\r\n\r\n")
    };
    // The connections stay open until the test ends.
    let mut waiting = Vec::new();
    for number in 0..MANY {
        let mut client = server.connect();
        client.send(fetch("greedy.test", &format!("{number}.slow.test:{port}")));
        waiting.push(client);
    }
    for number in 0..5 {
        let request = fetch("other.test", &format!("{number}.quick.test:{port}"));
        let response = server.exchange(request.as_bytes());
        assert!(response.text().starts_with("200 "), "{}", server.log());
    }
    let slow = names.asked();
    let slow = slow.iter().filter(|name| name.ends_with(".slow.test"));
    assert!(slow.count() <= LOOKUPS_OF_A_HANDLER);
}

/// An address that belljar takes for public. In the test's own network it is one of this machine.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);

/// More than all handlers may have at once.
const MANY: usize = 80;

const LOOKUPS_OF_A_HANDLER: usize = 4;
