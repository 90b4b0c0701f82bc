//! Guests that reach for addresses that they were not granted: by name, by number, by redirect, and by socket.

use std::net::{TcpListener, UdpSocket};

use crate::footprint::Footprint;
use crate::support::{Peer, Server};

/// Every way to write the address of this machine or of a cloud's metadata, with a grant of every origin.
#[test]
fn private_addresses_are_refused_however_they_are_written() {
    let peer = Peer::of(OK);
    let port = peer.address.port();
    let server = started("--allow-outbound http://*:* --outbound-connect-timeout 10s");
    let before = Footprint::of(&server);
    for host in [
        "127.0.0.1",
        "127.0.0.2",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "127.000.000.001",
        "0.0.0.0",
        "0",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[::1%25lo]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "240.0.0.1",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
        "127.0.0.1%00.example.com",
        "127.0.0.1%2eexample.com",
    ] {
        let answer = server.get(&format!("/reach/fetch?to=http://{host}:{port}/"));
        let text = answer.text();
        let refused = [
            "DestinationIpProhibited",
            "HttpRequestDenied",
            "HttpRequestUriInvalid",
            "DestinationNotFound",
            "DnsError",
            "invalid authority",
        ];
        assert!(
            refused.iter().any(|reason| text.contains(reason)),
            "{host}: {text}"
        );
    }
    assert_eq!(peer.heads(), Vec::<String>::new());
    server.assert_alive("private addresses");
    before.assert_regained(&server, "private addresses");
}

/// A granted server redirects to addresses that are not granted, and the guest follows.
#[test]
fn a_redirect_leads_nowhere_else() {
    let secret = Peer::of(OK);
    for target in [
        secret.url(),
        format!("http://localhost:{}", secret.address.port()),
        format!("https://{}", secret.address),
        "http://169.254.169.254".into(),
    ] {
        let moved = Peer::of(format!(
            "HTTP/1.1 302 Found\r\nLocation: {target}/\r\nContent-Length: 0\r\n\r\n"
        ));
        let server = started(&format!("--allow-outbound {}", moved.url()));
        let text = server
            .get(&format!("/reach/fetch?to={}/", moved.url()))
            .text();
        assert!(text.contains("HttpRequestDenied"), "{target}: {text}");
        assert_eq!(moved.heads().len(), 1);
    }
    assert_eq!(secret.heads(), Vec::<String>::new());
}

/// A granted name whose address turns out to be private, as in DNS rebinding: the address is checked, not the name.
#[test]
fn a_granted_name_with_a_private_address_is_refused() {
    let peer = Peer::of(OK);
    let port = peer.address.port();
    // On most systems these names are for 127.0.0.1 or ::1 in the file of hosts; elsewhere they have no address.
    for name in [
        "localhost.localdomain",
        "ip6-localhost",
        "ip6-loopback",
        "loopback",
    ] {
        let server = started(&format!("--allow-outbound http://{name}:*"));
        let text = server
            .get(&format!("/reach/fetch?to=http://{name}:{port}/"))
            .text();
        assert!(!text.starts_with("200"), "{name}: {text}");
    }
    assert_eq!(peer.heads(), Vec::<String>::new());
}

/// Without a grant no socket connects, listens, sends or looks up a name; with one, only the granted address is reached.
#[test]
fn sockets_reach_only_what_was_granted() {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let to = tcp.local_addr().expect("the listener has an address");
    let udp = UdpSocket::bind(to).expect("the port of UDP is free as well");
    udp.set_nonblocking(true)
        .expect("the socket takes an option");
    tcp.set_nonblocking(true)
        .expect("the socket takes an option");
    for flags in ["", "--allow-tcp 127.0.0.1:9"] {
        let server = started(flags);
        let report = server.get(&format!("/reach/sockets?to={to}")).text();
        assert_eq!(report.lines().count(), 7, "{report}");
        for line in report.lines() {
            assert!(line.contains(": refused"), "{flags}: {line}");
        }
        assert!(
            tcp.accept().is_err() && udp.recv(&mut [0; 9]).is_err(),
            "{flags}"
        );
        server.assert_alive("sockets");
    }
}

fn started(flags: &str) -> Server {
    let server = Server::options()
        .handler("test_attacker")
        .args(flags)
        .start();
    server.assert_alive("the start");
    server
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
