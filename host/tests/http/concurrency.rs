//! Tests of concurrent requests: none may delay another. No test measures time. Each checks that one request is
//! answered while another one is still unanswered.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use crate::support::{Client, Server, Site, head};

#[test]
fn serves_a_thousand_connections_at_once() {
    raise_the_limit_of_open_files();
    let site = Site::new(&[("file.txt", "content")]);
    let server = Server::options()
        .arg(site.path())
        .args("--max-connections 2000")
        .start();
    let mut clients: Vec<Client> = (0..1_000).map(|_| server.connect()).collect();
    for round in 0..3 {
        for client in &mut clients {
            client.send(head("GET", "/file.txt", &[]));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let answer = client.response();
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "content"),
                "round {round}, client {number}"
            );
        }
    }
}

#[test]
fn sleeping_handlers_delay_no_other_requests() {
    let server = Server::of_untrusted("--timeout 60s");
    let mut sleepers = send_to_all(&server, 10, "/sleep?ms=59000");
    for _ in 0..20 {
        server.assert_alive("ten sleepers");
    }
    assert_unanswered(&mut sleepers);
}

#[test]
fn endless_loops_delay_no_other_requests() {
    let server = Server::of_untrusted("--timeout 60s --cpu 60s");
    let mut loops = send_to_all(&server, 10, "/loop");
    // The server may need a moment to notice the first loop. Other requests must be answered all the time.
    for _ in 0..20 {
        server.assert_alive("ten loops");
    }
    assert_unanswered(&mut loops);
}

#[test]
fn hostile_handlers_delay_no_other_requests() {
    let server = Server::of_untrusted("--timeout 5s --cpu 20ms --memory 16MiB");
    let targets = [
        "/loop",
        "/trap",
        "/memory",
        "/recursion",
        "/crlf",
        "/panic",
        "/flood-stdout",
        "/big-body?n=1000000",
    ];
    thread::scope(|scope| {
        let attackers: Vec<_> = targets
            .iter()
            .map(|target| {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.connect();
                    for _ in 0..5 {
                        let status = client.get(target).status;
                        assert!(
                            matches!(status, 200 | 500 | 503 | 504),
                            "{target}: {status}"
                        );
                    }
                })
            })
            .collect();
        let mut visits = 0;
        while visits < 20 || attackers.iter().any(|attacker| !attacker.is_finished()) {
            server.assert_alive("attacks under way");
            visits += 1;
        }
    });
}

#[test]
fn receives_ten_megabytes_in_small_pieces() {
    let server = Server::of_untrusted("--memory 128MiB --cpu 60s --timeout 2m");
    let body: Vec<u8> = (0..10_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    for chunked in [false, true] {
        let mut client = server.connect();
        let length = body.len().to_string();
        let framing = if chunked {
            ("Transfer-Encoding", "chunked")
        } else {
            ("Content-Length", length.as_str())
        };
        client.send(head(
            "POST",
            "/echo",
            &[framing, ("Content-Type", "application/x-belljar")],
        ));
        let mut stream = client.stream();
        let answer = thread::scope(|scope| {
            scope.spawn(|| {
                for piece in body.chunks(997) {
                    if chunked {
                        write!(stream, "{:x}\r\n", piece.len()).expect("the server reads");
                    }
                    stream.write_all(piece).expect("the server reads");
                    if chunked {
                        stream.write_all(b"\r\n").expect("the server reads");
                    }
                }
                if chunked {
                    stream.write_all(b"0\r\n\r\n").expect("the server reads");
                }
            });
            client.response()
        });
        assert_eq!(
            (answer.status, answer.need("content-type")),
            (200, "application/x-belljar")
        );
        assert_eq!(answer.need("x-method"), "POST");
        assert!(
            answer.body == body,
            "chunked {chunked}: {} bytes, and not the same",
            answer.body.len()
        );
        assert_eq!(
            client.get("/hello").text(),
            "hello\n",
            "the next response must belong to the next request"
        );
    }
}

/// A slow client is cut off when its timeout ends. Between any two of its bytes, others are served.
#[test]
fn a_client_that_sends_single_bytes_delays_no_other_requests() {
    let server = Server::of_untrusted("--header-timeout 1s --body-timeout 1s");
    for beginning in [
        "GET /hello HTTP/1.1\r\nX: ",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
    ] {
        let mut slow = server.connect();
        slow.send(beginning);
        let mut bytes = 0;
        while slow.is_silent_for(Duration::from_millis(100)) {
            slow.send("x");
            server.assert_alive("a byte of a slow client");
            bytes += 1;
            assert!(bytes < 300, "the slow client was never cut off");
        }
        assert_eq!(slow.response().status, 408);
    }
}

/// Many clients read large responses slowly, while one client reads quickly.
#[test]
fn clients_that_do_not_read_delay_no_other_requests() {
    let site = Site::new(&[("file.txt", "content")]);
    site.sparse("big.bin", 64 * 1024 * 1024);
    let server = Server::of_site(&site);
    let mut slow = send_to_all(&server, 50, "/big.bin");
    for _ in 0..20 {
        assert_eq!(server.get("/file.txt").text(), "content");
    }
    // The slow clients still receive their complete responses.
    for client in slow.iter_mut().take(3) {
        let length: u64 = client
            .try_head()
            .expect("the head arrives")
            .need("content-length")
            .parse()
            .expect("the value is a number");
        assert_eq!(client.skip(length), length);
    }
}

/// The handler answers while its client is still sending, and the client never stops.
#[test]
fn cuts_off_a_client_that_never_stops_sending() {
    let server = Server::of_untrusted("--body-timeout 1s --idle-timeout 2s");
    let mut client = server.connect();
    client.send(head(
        "POST",
        "/ignore-body",
        &[("Transfer-Encoding", "chunked")],
    ));
    let mut stream = client.stream();
    stream
        .set_write_timeout(Some(Duration::from_secs(5)))
        .expect("the socket takes a timeout");
    let piece = format!("{:x}\r\n{}\r\n", 1000, "x".repeat(1000));
    let mut sent = 0_u64;
    while stream.write_all(piece.as_bytes()).is_ok() {
        sent += 1;
        assert!(
            sent < 2_000_000,
            "the server read 2 GB without closing the connection"
        );
    }
    server.assert_alive("an endless request body");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
}

fn send_to_all(server: &Server, count: usize, target: &str) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(head("GET", target, &[]));
    }
    clients
}

fn assert_unanswered(clients: &mut [Client]) {
    for (number, client) in clients.iter_mut().enumerate() {
        assert!(
            client.is_silent_for(GLANCE),
            "client {number} was answered too early"
        );
    }
}

/// This test needs a thousand sockets in addition to those of other tests. The server raises its own limit.
fn raise_the_limit_of_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).expect("a soft limit may be raised to the hard one");
    }
}

const GLANCE: Duration = Duration::from_millis(1);
