//! Tests of clients that try to exhaust the server. After each attack the server answers, its only instance is free, no
//! file stays open, and its memory use is bounded.

use std::time::Duration;

use crate::support::{Client, Server, ServerOptions, Site, head};
use rustix::net::sockopt::set_socket_linger;

/// Clients connect, send nothing or part of a request, and disconnect.
#[test]
fn survives_clients_that_never_finish_a_request() {
    let server = one_instance(Server::options(), "--header-timeout 60s --body-timeout 60s");
    let before = settled(&server);
    for part in [
        "",
        "G",
        "\r\n",
        "GET /hello HTTP/1.1\r\nHost: local",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n",
        "POST /ignore-body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\nx",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\nx",
        "\x16\x03\x01\x02\0\x01\0\x01\x03\x03",
    ] {
        let mut crowd: Vec<Client> = (0..300).map(|_| server.connect()).collect();
        for client in &mut crowd {
            client.send(part);
        }
        drop(crowd);
        server.wait_for_open_files(before, part);
        server.assert_alive(part);
    }
}

/// While the clients are connected, others are served, and each connection uses little memory.
#[test]
fn idle_connections_use_little_memory() {
    let server = one_instance(Server::options(), "--header-timeout 60s");
    let before = settled(&server);
    let memory = server.memory();
    let mut crowd: Vec<Client> = (0..800).map(|_| server.connect()).collect();
    for (number, client) in crowd.iter_mut().enumerate() {
        // An incomplete head that is nearly as large as allowed.
        let line = "x".repeat(if number % 2 == 0 { 0 } else { 30_000 });
        client.send(format!(
            "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: {line}"
        ));
    }
    for _ in 0..20 {
        server.assert_alive("800 connections that stay open");
    }
    let grown = server.memory().saturating_sub(memory);
    assert!(grown < 200 << 20, "{grown} bytes for 800 connections");
    drop(crowd);
    server.wait_for_open_files(before, "many idle clients");
    server.assert_alive("many idle clients");
}

/// A client sends ten thousand requests and reads no response. The buffered bytes of both are bounded.
#[test]
fn bounds_the_memory_of_an_unread_pipeline() {
    let server = one_instance(Server::options(), "--send-timeout 2s");
    let before = settled(&server);
    let memory = server.memory();
    let mut client = server.connect();
    let stream = client.stream();
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .expect("the socket takes a timeout");
    let requests = head("GET", "/big-body?n=5000", &[]).repeat(100);
    for _ in 0..100 {
        if client.try_send(&requests).is_err() {
            break;
        }
    }
    let grown = server.memory().saturating_sub(memory);
    assert!(grown < 100 << 20, "{grown} bytes for one connection");
    server.assert_alive("an unread pipeline");
    drop((client, stream));
    server.wait_for_open_files(before, "a pipeline");
}

/// A response that waits for its client does not hold an instance.
#[test]
fn unread_pipelines_hold_no_instance() {
    let server = Server::of_untrusted("--max-instances 2 --queue-timeout 5s --send-timeout 10m");
    let mut stuck: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    let requests = head("GET", "/big-body?n=8000", &[]).repeat(1_500);
    for client in &mut stuck {
        client
            .stream()
            .set_nonblocking(true)
            .expect("the socket takes an option");
        // The requests or their responses exceed the buffers of the kernel.
        client.send(&requests);
    }
    // All clients are stuck once no request is logged for a while.
    let mut logged = 0;
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let now = server.log().len();
        if now == logged {
            break;
        }
        logged = now;
    }
    server.assert_alive("clients that do not read");
}

/// A client that reads late receives all responses in order.
#[test]
fn answers_a_pipeline_that_is_read_late() {
    let server = Server::shared();
    let mut client = server.connect();
    let mut sender = client.stream();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            use std::io::Write;
            for number in 0..10_000 {
                let request = head("GET", &format!("/status?code={}", 200 + number % 300), &[]);
                sender
                    .write_all(request.as_bytes())
                    .expect("the server reads");
            }
        });
        for number in 0..10_000_u16 {
            let status = 200 + number % 300;
            assert_eq!(client.response().status, status, "answer {number}");
        }
    });
}

/// Clients reset the connection at various points of a request.
#[test]
fn survives_connection_resets() {
    let site = Site::new(&[("small.txt", "content")]);
    site.sparse("big.bin", 10_000_000);
    let options = Server::options().arg(site.path());
    let server = one_instance(options, "--timeout 10m --cpu 10m");
    let before = settled(&server);
    let upload = head("POST", "/echo", &[("Content-Length", "10000000")]) + &"x".repeat(100_000);
    let ignored = head("POST", "/ignore-body", &[("Content-Length", "10000000")]) + "xxx";
    for request in [
        upload,
        ignored,
        head("GET", "/file?path=big.bin", &[]),
        head("GET", "/file?path=big.bin", &[]).repeat(10),
        head("GET", "/big-body?n=10000000", &[]),
        head("GET", "/loop", &[]),
        head("GET", "/busy-poll", &[]),
        head("GET", "/sleep?ms=600000", &[]),
        head(
            "POST",
            "/echo",
            &[("Content-Length", "5"), ("Expect", "100-continue")],
        ),
    ] {
        for pause in [0, 1, 20] {
            let mut client = server.connect();
            client.send(&request);
            std::thread::sleep(Duration::from_millis(pause));
            reset(client);
            server.assert_alive(&request[..request.len().min(60)]);
        }
        server.wait_for_open_files(before, &request[..request.len().min(60)]);
    }
    assert_eq!(server.get("/file?path=small.txt").text(), "content");
}

/// Unread responses of 10 MB hold no instance, and no connection once the send timeout ends.
#[test]
fn unread_responses_hold_no_instance_or_connection() {
    let site = Site::new(&[]);
    site.sparse("big.bin", 10_000_000);
    let options = Server::options().arg(site.path());
    let server = one_instance(options, "--send-timeout 1s");
    let before = settled(&server);
    for target in ["/file?path=big.bin", "/big-body?n=10000000"] {
        let mut crowd: Vec<Client> = (0..30).map(|_| server.connect()).collect();
        for client in &mut crowd {
            client.send(head("GET", target, &[]));
        }
        server.assert_alive(target);
        server.wait_for_open_files(before, target);
        for client in &mut crowd {
            assert!(client.drain() < 10_000_000, "{target}: not cut off");
        }
    }
}

/// The handler ignores an upload. The response is sent at once, and the server does not read the whole upload.
#[test]
fn answers_an_ignored_upload_at_once() {
    let server = one_instance(Server::options(), "--idle-timeout 60s");
    let before = settled(&server);
    for target in [
        "/ignore-body",
        "/keep-body",
        "/drop-body",
        "/status?code=403",
        "/trap",
    ] {
        for length in [10_000_000, 1_000] {
            let mut client = server.connect();
            let length_field = length.to_string();
            client.send(head("POST", target, &[("Content-Length", &length_field)]));
            let answer = client.response();
            let closed = length > 1_000_000;
            assert!(matches!(answer.status, 200 | 403 | 500), "{}", answer.head);
            assert_eq!(answer.closes(), closed, "{target}: {}", answer.head);
            client.send(vec![b'x'; length]);
            if closed {
                client.drain();
            } else {
                assert_eq!(client.get("/hello").text(), "hello\n", "after {target}");
            }
            drop(client);
            server.assert_alive(target);
        }
    }
    server.wait_for_open_files(before, "ignored uploads");
}

/// One client floods the server with connections that send a part of a head and are not idle. It gets half of the
/// connections, and others are served as before. The flood leaves nothing behind.
#[test]
fn a_flood_of_connections_of_one_client_leaves_others_their_connections() {
    let arguments = "--max-connections 200 --header-timeout 10m";
    let server = one_instance(Server::options(), arguments);
    let before = settled(&server);
    let mut crowd: Vec<Client> = Vec::new();
    for _ in 0..1000 {
        let mut client = server.connect();
        client.send("GET /hello HTTP/1.1\r\nHost: localh");
        crowd.push(client);
    }
    for last in 2..12 {
        let mut other = Client::connect_from([127, 0, 0, last], server.address);
        assert_eq!(other.get("/hello").text(), "hello\n");
    }
    // The kernel may not have closed the last refused connections yet.
    server.wait_for_open_files(before + 120, "a flood");
    let refused = crowd.iter_mut().filter_map(|client| {
        let open = client.is_silent_for(Duration::from_millis(1));
        (!open).then(|| client.try_response(false).map(|answer| answer.status))
    });
    let refused: Vec<_> = refused.collect();
    // A connection whose bytes the server has not read yet is idle, and closes for the next one without a response.
    assert!(refused.len() > 880, "{}", refused.len());
    assert!(refused.iter().flatten().all(|status| *status == 429));
    drop(crowd);
    server.wait_for_open_files(before, "a flood");
    server.assert_alive("a flood");
    server.wait_for_log("the number of lines", |line| {
        line.contains("left out") && line.contains("connection refused")
    });
}

/// Clients that only connect must not use up the open files that requests need.
#[test]
fn connections_leave_open_files_for_requests() {
    let site = Site::new(&[("file.txt", "content")]);
    let server = Server::options_under("-n 80")
        .arg(site.path())
        .args("--idle-timeout 10m --header-timeout 10m")
        .start();
    server.wait_for_log("the maximum number of connections", |line| {
        line.contains("at most 15 connections")
    });
    let crowd: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    for _ in 0..10 {
        let answer = server.get("/file.txt");
        assert_eq!((answer.status, answer.text().as_str()), (200, "content"));
    }
    drop(crowd);
}

fn one_instance(options: ServerOptions, arguments: &str) -> Server {
    options
        .handler("untrusted")
        .args("--max-instances 1 --queue-timeout 25s")
        .args(arguments)
        .start()
}

/// The number of open files after the server has used each of its parts once.
fn settled(server: &Server) -> usize {
    // The loop makes the slow lane start its threads, which keep a few files open.
    let mut busy = server.connect();
    busy.send(head("GET", "/loop", &[]));
    server.wait_for_thread("slow-lane");
    // One of them is this connection.
    let before = server.open_files() - 1;
    drop(busy);
    server.assert_alive("the start");
    server.wait_for_open_files(before, "the first requests");
    before
}

/// Closes the connection with a reset.
fn reset(client: Client) {
    let stream = client.stream();
    set_socket_linger(&stream, Some(Duration::ZERO)).expect("the socket takes an option");
    drop((client, stream));
}
