//! Hostile clients: slow in every direction, half-open, or with more than the server should read.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use crate::footprint::Footprint;
use crate::support::{Client, Server, head};

/// A crowd sends heads and bodies byte by byte, or not at all.
#[test]
fn slow_senders_are_cut() {
    let server = started("--header-timeout 500ms --body-timeout 500ms --idle-timeout 500ms");
    let before = Footprint::of(&server);
    let upload = head("POST", "/time/body", &[("Content-Length", "100000")]);
    let chunked = head("POST", "/time/body", &[("Transfer-Encoding", "chunked")]);
    for (begin, status) in [
        (String::new(), None),
        ("G".into(), Some(408)),
        (
            "GET /hello HTTP/1.1\r\nHost: localhost\r\n".into(),
            Some(408),
        ),
        (upload.clone(), Some(408)),
        (upload + "x", Some(408)),
        (chunked.clone(), Some(408)),
        (chunked + "5\r\nab", Some(408)),
    ] {
        let mut crowd: Vec<Client> = (0..40).map(|_| server.connect()).collect();
        for client in &mut crowd {
            client.send(&begin);
        }
        // They go on with a byte at a time, which must not earn them more time than a byte is worth.
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(50));
            for client in crowd.iter_mut().filter(|_| status.is_some()) {
                client.send("x");
            }
        }
        server.assert_alive(&begin);
        for client in &mut crowd {
            match status {
                None => client.assert_closed("no request"),
                Some(status) => assert_eq!(client.response().status, status, "{begin}"),
            }
        }
        drop(crowd);
        server.assert_alive(&begin);
        before.assert_regained(&server, &begin);
    }
}

/// A crowd sends requests, and reads neither heads nor bodies.
#[test]
fn clients_that_do_not_read_are_cut() {
    let server = started("--send-timeout 500ms --memory 16MiB");
    let before = Footprint::of(&server);
    for (target, requests) in [
        // The heads alone are more than the kernel's buffers hold.
        ("/hello", 40_000),
        ("/output/large-header?n=30000", 2_000),
        ("/output/large-body?n=5000000", 4),
    ] {
        let request = head("GET", target, &[]);
        let mut crowd: Vec<Client> = (0..8).map(|_| server.connect()).collect();
        thread::scope(|scope| {
            for client in &mut crowd {
                let request = &request;
                scope.spawn(move || {
                    for _ in 0..requests / 4 {
                        if client.try_send(request.repeat(4)).is_err() {
                            break;
                        }
                    }
                });
            }
            server.assert_alive(target);
        });
        // The server closes the connections, although the clients are still there.
        before.assert_regained(&server, target);
        drop(crowd);
        server.assert_alive(target);
    }
    before.assert_never_exceeded(&server, 256 << 20, "unread responses");
}

/// A crowd reads a little at a time, of a head and bodies that are whole and of a body without end. Each holds an instance or
/// megabytes that wait for it, until the server cuts the connection.
#[test]
fn clients_that_read_slowly_are_cut() {
    let flags = "--send-timeout 1s --min-data-rate 10MiB --max-instances 4 --queue-timeout 40s \
                 --memory 16MiB --timeout 10m --cpu 10m --stream-timeout 10m";
    for (guest, target) in [
        ("test_attacker", "/output/large-body?n=8000000"),
        ("test_attacker_async", "/responses/endless-body"),
    ] {
        let server = warm(Server::options().handler(guest).args(flags));
        let before = Footprint::of(&server);
        let mut crowd: Vec<Client> = (0..8).map(|_| server.connect()).collect();
        for client in &mut crowd {
            client.send(head("GET", target, &[]));
        }
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for client in &mut crowd {
                let over = &over;
                scope.spawn(move || {
                    let mut stream = client.stream();
                    while !over.load(Ordering::Relaxed)
                        && stream.read(&mut [0; 1000]).is_ok_and(|read| read > 0)
                    {
                        thread::sleep(Duration::from_millis(20));
                    }
                });
            }
            server.assert_alive(target);
            // The clients are still there, and would go on reading.
            before.assert_regained(&server, target);
            over.store(true, Ordering::Relaxed);
        });
        drop(crowd);
        server.assert_alive(target);
    }
}

/// Ten thousand connections from one address, of which hundreds are open at any time, some with half a request. Others are
/// served all the time.
#[test]
fn one_address_cannot_take_all_connections() {
    let server = started(
        "--max-connections 300 --max-connections-per-client 100 --idle-timeout 10m --header-timeout 10m",
    );
    let before = Footprint::of(&server);
    let mut open = VecDeque::new();
    for number in 0..10_000 {
        let mut client = Client::connect_from([127, 0, 0, 2], server.address);
        if number % 2 == 0 {
            client.send("GET /hello HTTP/1.1\r\nHost: ");
        }
        open.push_back(client);
        if open.len() > 400 {
            open.pop_front();
        }
        if number % 500 == 499 {
            server.assert_alive("connections from one address");
        }
    }
    drop(open);
    server.assert_alive("ten thousand connections");
    before.assert_regained(&server, "ten thousand connections");
    before.assert_never_exceeded(&server, 64 << 20, "ten thousand connections");
}

/// Half of the connection is closed at some point, or all of it is reset.
#[test]
fn half_open_and_reset_connections_leave_nothing() {
    let server = started("--timeout 10m --cpu 10m --header-timeout 10m --body-timeout 10m");
    let before = Footprint::of(&server);
    let begun = "GET /hello HTTP/1.1\r\nHost: lo".to_owned();
    let upload = head("POST", "/time/body", &[("Content-Length", "1000")]) + "half";
    let large = head("GET", "/output/large-body?n=5000000", &[]);
    let sleeping = head("GET", "/time/sleep", &[]);
    for request in ["", &begun, &upload, &large, &sleeping] {
        let mut crowd: Vec<Client> = (0..40).map(|_| server.connect()).collect();
        for client in &mut crowd {
            client.send(request);
            client.finish_sending();
        }
        server.assert_alive(request);
        drop(crowd);
        for _ in 0..200 {
            let mut client = server.connect();
            client.send(request);
            reset(&client.stream());
        }
        server.assert_alive(request);
        before.assert_regained(&server, request);
    }
    // A request whose client sends nothing more is answered.
    let mut client = server.connect();
    client.send(head("GET", "/hello", &[]));
    client.finish_sending();
    assert_eq!(client.response().text(), "hello\n");
}

/// A flood of connections that are reset at once.
#[test]
fn a_flood_of_resets_leaves_nothing() {
    let server = started("");
    let before = Footprint::of(&server);
    for round in 0..5 {
        for _ in 0..1_000 {
            if let Ok(stream) = TcpStream::connect(server.address) {
                reset(&stream);
            }
        }
        server.assert_alive(&format!("round {round}"));
    }
    before.assert_regained(&server, "a flood of resets");
}

/// Heads and chunks that never end: the server stops reading, and keeps little of them.
#[test]
fn exploding_heads_and_chunks_are_refused() {
    let server = started("--max-body 1MiB");
    let before = Footprint::of(&server);
    let get = "GET /hello HTTP/1.1\r\nHost: localhost\r\n";
    let chunked = head("POST", "/time/body", &[("Transfer-Encoding", "chunked")]);
    let a_while = 20_000;
    for (what, begin, more, statuses) in [
        ("an endless method", "", "A", &[400, 414, 431, 501][..]),
        ("an endless target", "GET /", "a", &[414, 431]),
        ("an endless field", &format!("{get}X: "), "x", &[431]),
        ("an endless name", get, "x", &[431, 400]),
        ("endless fields", get, "X: y\r\n", &[431]),
        ("endless empty lines", "", "\r\n", &[400, 431]),
        (
            "endless folding",
            &format!("{get}X: y\r\n"),
            " z\r\n",
            &[400, 431],
        ),
        ("endless hosts", get, "Host: x\r\n", &[400, 431]),
        ("endless cookies", get, "Cookie: a=b\r\n", &[431]),
        ("an endless size of a chunk", &chunked, "0", &[400, 413]),
        (
            "an endless extension",
            &format!("{chunked}5;"),
            "x",
            &[400, 413],
        ),
        ("endless small chunks", &chunked, "1\r\nx\r\n", &[413, 400]),
        (
            "endless extensions",
            &chunked,
            "1;x=y\r\nx\r\n",
            &[413, 400],
        ),
        (
            "endless trailers",
            &format!("{chunked}0\r\n"),
            "X: y\r\n",
            &[400, 413, 431],
        ),
        (
            "a chunk of 16 EiB",
            &format!("{chunked}ffffffffffffffff\r\n"),
            "x",
            &[413, 400],
        ),
        (
            "a chunk beyond all numbers",
            &format!("{chunked}10000000000000000\r\n"),
            "x",
            &[413, 400],
        ),
    ] {
        let mut crowd: Vec<Client> = (0..4).map(|_| server.connect()).collect();
        thread::scope(|scope| {
            for client in &mut crowd {
                scope.spawn(move || {
                    let piece = more.repeat(a_while / more.len() + 1);
                    let mut writer = client.stream();
                    let _ = writer.set_write_timeout(Some(Duration::from_secs(10)));
                    let _ = writer.write_all(begin.as_bytes());
                    // 40 MB, unless the server closes before.
                    let _ = (0..2_000).try_for_each(|_| writer.write_all(piece.as_bytes()));
                    // The reset of a connection with unread bytes may overtake the answer.
                    if let Ok(answer) = client.try_response(false) {
                        assert!(statuses.contains(&answer.status), "{what}: {}", answer.head);
                    }
                });
            }
            server.assert_alive(what);
        });
        drop(crowd);
        before.assert_regained(&server, what);
    }
    before.assert_never_exceeded(&server, 64 << 20, "exploding requests");
}

fn started(flags: &str) -> Server {
    warm(Server::options().handler("test_attacker").args(flags))
}

/// A server that has started the threads it needs.
fn warm(options: crate::support::ServerOptions) -> Server {
    let server = options.start();
    for _ in 0..3 {
        server.assert_alive("the start");
    }
    server
}

/// Closes the connection with a reset.
fn reset(stream: &TcpStream) {
    set_socket_linger(stream, Some(Duration::ZERO)).expect("the socket takes an option");
}
