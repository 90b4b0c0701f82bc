//! Tests of the limits: the server enforces the value of each flag. The limits are short to keep the tests short.

use std::time::{Duration, Instant};

use crate::support::{
    Broken, Client, Server, Site, WAIT_LIMIT, handler_of, head, post, post_chunked,
};

#[test]
fn timeout_limits_wall_clock_and_cpu_limits_work() {
    let server = Server::of_untrusted("--timeout 2s --cpu 60s");
    assert_eq!(
        server.get("/sleep?ms=600000").status,
        504,
        "sleeping must exceed the timeout"
    );
    assert_eq!(
        server.get("/loop").status,
        504,
        "working must exceed the timeout"
    );
    server.assert_alive("the deadline");
    let server = Server::of_untrusted("--timeout 60s --cpu 20ms");
    assert_eq!(
        server.get("/loop").status,
        504,
        "working must exceed the CPU limit"
    );
    assert_eq!(
        server.get("/sleep?ms=1500").text(),
        "slept\n",
        "sleeping must not count as CPU time"
    );
    server.assert_alive("the CPU budget");
}

#[test]
fn max_body_limits_request_bodies() {
    let server = Server::of_untrusted("--max-body 1KiB");
    let exact = [b'x'; 1024];
    let over = [b'x'; 1025];
    let chunked = |body: &[u8]| {
        [
            format!("{:x}\r\n", body.len()).as_bytes(),
            body,
            b"\r\n0\r\n\r\n",
        ]
        .concat()
    };
    assert_eq!(server.exchange(&post("/echo", &exact)).body, exact);
    assert_eq!(
        server
            .exchange(&post_chunked("/echo", &chunked(&exact)))
            .body,
        exact
    );
    for request in [
        post("/echo", &over),
        post_chunked("/echo", &chunked(&over)),
        post("/ignore-body", &over),
    ] {
        let mut client = server.connect();
        client.send(&request);
        let answer = client.response();
        assert_eq!(
            (answer.status, answer.closes()),
            (413, true),
            "{}",
            answer.head
        );
        client.assert_closed("a body too large");
    }
    // The size is known before the first byte of the body, so the server rejects the request without 100 Continue.
    let mut client = server.connect();
    client.send(head(
        "POST",
        "/echo",
        &[("Content-Length", "1025"), ("Expect", "100-continue")],
    ));
    assert_eq!(client.response().status, 413);
    // A chunked body that never ends.
    let mut client = server.connect();
    client.send(head("POST", "/echo", &[("Transfer-Encoding", "chunked")]));
    while client
        .try_send("40\r\n".to_owned() + &"x".repeat(64) + "\r\n")
        .is_ok()
    {
        if !client.is_silent_for(Duration::from_millis(1)) {
            break;
        }
    }
    assert_eq!(client.response().status, 413);
    server.assert_alive("bodies too large");
}

#[test]
fn max_head_limits_request_heads() {
    let server = Server::of_untrusted("--max-head 1KiB");
    for (request, status) in [
        (
            head("GET", &format!("/hello?{}", "x".repeat(800)), &[]),
            200,
        ),
        (head("GET", "/hello", &[("X", &"x".repeat(800))]), 200),
        (
            head("GET", &format!("/hello?{}", "x".repeat(2_000)), &[]),
            414,
        ),
        (head("GET", "/hello", &[("X", &"x".repeat(2_000))]), 431),
        (head("GET", "/hello", &[("X", "y"); 300]), 431),
    ] {
        let mut client = server.connect();
        client.send(&request);
        let answer = client.response();
        assert_eq!((answer.status, answer.closes()), (status, status != 200));
        if status != 200 {
            client.assert_closed("a head too large");
        }
    }
    // A head that never ends, sent byte by byte.
    let mut client = server.connect();
    client.send_bytewise(
        format!(
            "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: {}",
            "x".repeat(2_000)
        )
        .as_bytes(),
    );
    assert_eq!(client.response().status, 431);
}

#[test]
fn rejects_more_than_128_fields() {
    let server = Server::shared();
    // The Host field counts too.
    for (count, status) in [(127, 200), (128, 431), (1_000, 431)] {
        let request = head("GET", "/headers", &vec![("X", "y"); count]);
        assert_eq!(
            server.exchange(request.as_bytes()).status,
            status,
            "{count} and Host"
        );
    }
}

#[test]
fn header_timeout_cuts_off_a_slow_head() {
    let server = Server::of_untrusted("--header-timeout 400ms --idle-timeout 60s");
    for part in [
        "G",
        "GET /hello HTTP/1.1\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: y",
    ] {
        let mut client = server.connect();
        client.send(part);
        assert_slow(&mut client, part);
    }
    // The limit also applies to the second request on a connection.
    let mut client = server.connect();
    assert_eq!(client.get("/hello").status, 200);
    client.send("GET /hello HTTP/1.1\r\n");
    assert_slow(&mut client, "a second head");
}

/// The time runs from the first byte to the end of the head, even if bytes keep arriving.
#[test]
fn header_timeout_cuts_off_a_client_that_sends_single_bytes() {
    let server = Server::of_untrusted("--header-timeout 500ms --idle-timeout 60s");
    let mut client = server.connect();
    client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ");
    let mut sent = 0;
    while client.is_silent_for(Duration::from_millis(50)) {
        client.send("x");
        sent += 1;
        assert!(sent < 600, "the slow client was never cut off");
    }
    assert_eq!(client.response().status, 408);
}

#[test]
fn body_timeout_cuts_off_a_slow_body() {
    let server = Server::of_untrusted("--body-timeout 400ms --timeout 60s");
    for request in [
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let mut client = server.connect();
        client.send(request);
        assert_slow(&mut client, request);
    }
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
    let mut sent = 0;
    while client.is_silent_for(Duration::from_millis(50)) {
        client.send("x");
        sent += 1;
        assert!(sent < 600, "the slow client was never cut off");
    }
    assert_eq!(client.response().status, 408);
    server.assert_alive("slow bodies");
}

#[test]
fn idle_timeout_closes_without_a_response() {
    let server = Server::of_untrusted("--idle-timeout 1s");
    let mut silent = server.connect();
    assert_eq!(silent.try_response(false).err(), Some(Broken::Closed));
    let mut client = server.connect();
    assert_eq!(client.get("/hello").status, 200);
    client.assert_closed("the idle timeout");
}

/// The client reads slowly but never stops.
#[test]
fn send_timeout_allows_a_slow_reader() {
    let site = Site::new(&[]);
    let length = 64 * 1024 * 1024;
    site.sparse("big.bin", length);
    let server = Server::options()
        .arg(site.path())
        .args("--send-timeout 1s")
        .start();
    // On a busy machine the client itself may pause for too long: then its connection proves nothing.
    for _ in 0..10 {
        let mut slow = server.connect();
        slow.send(head("GET", "/big.bin", &[]));
        slow.try_head().expect("a head");
        let (mut received, mut longest_pause) = (0, Duration::ZERO);
        while received < 9 * 1024 * 1024 {
            let begin = Instant::now();
            std::thread::sleep(Duration::from_millis(80));
            let count = slow.skip(64 * 1024);
            longest_pause = longest_pause.max(begin.elapsed());
            if count == 0 {
                break;
            }
            received += count;
        }
        if received >= 9 * 1024 * 1024 {
            return;
        }
        assert!(
            longest_pause > Duration::from_millis(500),
            "cut after {received} bytes"
        );
    }
    panic!("the machine is too busy for a client that reads steadily");
}

/// The client requests a large response and reads nothing. Its connection must go to the next client.
#[test]
fn send_timeout_cuts_off_a_client_that_does_not_read() {
    let site = Site::new(&[("small.txt", "content")]);
    let length = 256 * 1024 * 1024;
    site.sparse("big.bin", length);
    for extra in ["", "--handler"] {
        let options = Server::options()
            .arg(site.path())
            .args("--send-timeout 300ms --max-connections 1");
        let (server, target) = if extra.is_empty() {
            (options.start(), "/big.bin")
        } else {
            (options.handler("untrusted").start(), "/big-body?n=30000000")
        };
        let mut stuck = server.connect();
        stuck.send(head("GET", target, &[]));
        let promised: u64 = stuck
            .try_head()
            .expect("the head arrives")
            .need("content-length")
            .parse()
            .expect("the value is a number");
        let mut next = server.connect();
        assert!(
            matches!(next.get("/small.txt").status, 200 | 404),
            "the next client must get the connection"
        );
        assert!(
            stuck.skip(promised) < promised,
            "{target}: the response was not cut"
        );
    }
}

/// The client reads all the time, but slowly. A slow machine makes it only slower.
#[test]
fn min_data_rate_cuts_off_a_client_that_reads_slowly() {
    let site = Site::new(&[]);
    let length = 256 * 1024 * 1024;
    site.sparse("big.bin", length);
    let server = Server::options()
        .arg(site.path())
        .args("--min-data-rate 1GiB --send-timeout 500ms")
        .start();
    let mut slow = server.connect();
    slow.send(head("GET", "/big.bin", &[]));
    slow.try_head().expect("the head arrives");
    let mut received = 0;
    loop {
        let count = slow.skip(64 * 1024);
        received += count;
        if count == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(received < length, "the response was not cut");
    server.wait_for_log("the reason", |line| {
        line.contains("GET /big.bin") && line.contains("--min-data-rate")
    });
}

/// One client holds as many connections as it may. It gets no further one, and other clients are served.
#[cfg(target_os = "linux")]
#[test]
fn one_client_cannot_take_the_last_connection() {
    for (arguments, most) in [
        ("--max-connections 20", 10),
        ("--max-connections 20 --max-connections-per-client 3", 3),
    ] {
        let server = Server::of_untrusted(arguments);
        let mut busy: Vec<Client> = (0..most).map(|_| reading(&server)).collect();
        let mut refused = server.connect();
        let answer = refused.response();
        assert_eq!((answer.status, answer.closes()), (429, true));
        refused.assert_closed("the refusal");
        server.wait_for_log("the limit", |line| {
            line.contains("--max-connections-per-client")
        });
        for other in [[127, 0, 0, 2], [127, 1, 2, 3]] {
            let mut other = Client::connect_from(other, server.address);
            assert_eq!(other.get("/hello").text(), "hello\n");
        }
        finish(&mut busy[0]);
        assert_eq!(busy[0].get("/hello").text(), "hello\n");
        // This connection is idle soon, and gives way to a new one of the same client.
        server.wait_for_text("/hello", "hello\n");
        busy[0].assert_closed("a new connection");
    }
}

/// The idle connections of other clients stay open.
#[cfg(target_os = "linux")]
#[test]
fn a_client_beyond_its_bound_loses_its_own_idle_connections() {
    let arguments = "--max-connections-per-client 2 --idle-timeout 10m";
    let server = Server::of_untrusted(arguments);
    let mut other = Client::connect_from([127, 0, 0, 2], server.address);
    assert_eq!(other.get("/hello").text(), "hello\n");
    let mut first = server.connect();
    assert_eq!(first.get("/hello").text(), "hello\n");
    for _ in 0..10 {
        // The connection before may not be idle yet when its response arrives.
        server.wait_for_text("/hello", "hello\n");
    }
    let second = server.connect();
    let third = server.connect();
    first.assert_closed("further connections");
    drop((second, third));
    assert_eq!(other.get("/hello").text(), "hello\n");
}

/// The component has two memories. Together they may use 8 MiB, not each.
#[test]
fn memory_limits_all_memories_together() {
    let site = Site::new(&[]);
    let component = handler_of(include_str!("../support/two_memories.wat"));
    let file = site.write("two_memories.wasm", &component);
    let server = Server::options()
        .arg("--handler")
        .arg(file)
        .args("--memory 8MiB")
        .start();
    for _ in 0..2 {
        let answer = server.get("/");
        assert_eq!(answer.status, 200, "log:\n{}", server.log());
        let pages = answer.body.len();
        assert!(
            (100..=8 * 1024 / 64).contains(&pages),
            "{pages} pages of 64 KiB"
        );
    }
}

/// Requests in flight use both connections. A third client waits or is refused, but is not served.
#[test]
fn max_connections_limits_open_connections() {
    let server = Server::of_untrusted("--max-connections 2");
    let mut first = reading(&server);
    let second = reading(&server);
    let mut third = server.connect();
    third.send(head("GET", "/hello", &[]));
    if third.is_silent_for(MOMENT) {
        finish(&mut first);
        drop(first);
        assert_eq!(
            third.response().text(),
            "hello\n",
            "the client must be served once a connection is free"
        );
    } else if let Ok(answer) = third.try_response(false) {
        assert_eq!(answer.status, 503);
        drop(first);
    }
    drop((second, third));
    server.assert_alive("too many connections");
}

/// No client is closed as long as the maximum number of connections is not exceeded.
#[test]
fn serves_max_connections_at_once() {
    let server = Server::of_untrusted("--max-connections 2 --idle-timeout 60s");
    let mut clients = [server.connect(), server.connect()];
    for client in &mut clients {
        assert!(
            client.is_silent_for(MOMENT),
            "the connection was closed before its first request"
        );
    }
    for round in 0..10 {
        for client in &mut clients {
            assert_eq!(client.get("/hello").text(), "hello\n", "round {round}");
        }
    }
}

/// Idle connections close when a new client connects.
#[test]
fn evicts_idle_connections_for_new_clients() {
    let server = Server::of_untrusted("--max-connections 2 --idle-timeout 10m");
    let mut idle = [server.connect(), server.connect()];
    for client in &mut idle {
        assert_eq!(client.get("/hello").text(), "hello\n");
    }
    for _ in 0..10 {
        server.assert_alive("two idle connections");
    }
}

#[test]
fn answers_503_when_no_instance_is_free_in_time() {
    let server = Server::of_untrusted("--max-instances 2 --queue-timeout 1s");
    let mut first = reading(&server);
    let mut second = reading(&server);
    for _ in 0..3 {
        let mut client = server.connect();
        let answer = client.get("/hello");
        assert_eq!(answer.status, 503);
        let wait = answer.need("retry-after");
        assert!(
            wait.parse::<u32>().is_ok_and(|seconds| seconds >= 1),
            "{wait}"
        );
    }
    finish(&mut first);
    finish(&mut second);
    server.assert_alive("a full server");
}

/// All requests in the queue are answered once the instance is free.
#[test]
fn answers_all_requests_in_the_queue() {
    let server = Server::of_untrusted("--max-instances 1 --queue-timeout 25s");
    let mut first = reading(&server);
    let mut waiting: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.send(head("GET", "/hello", &[]));
    }
    assert!(
        waiting[0].is_silent_for(MOMENT),
        "the request was answered although no instance was free"
    );
    finish(&mut first);
    for client in &mut waiting {
        assert_eq!(client.response().text(), "hello\n");
    }
}

/// The queue is full. One more request is refused at once, while the others still wait.
#[test]
fn max_queue_limits_waiting_requests() {
    let server = Server::of_untrusted("--max-instances 1 --max-queue 2 --queue-timeout 10min");
    let mut first = reading(&server);
    let mut waiting = asking(&server, 5);
    for answer in &mut take_answered(&mut waiting, 3) {
        let answer = answer.response();
        assert_eq!(answer.status, 503);
        assert_eq!(answer.need("retry-after"), "1");
    }
    server.wait_for_log("the limit", |line| line.contains("(max-queue)"));
    // One client in the queue disconnects, so that another request can wait.
    drop(waiting.pop());
    server.wait_for_log("the client that left", |line| line.contains(" 499 "));
    let mut others = asking(&server, 3);
    for client in &mut take_answered(&mut others, 2) {
        assert_eq!(client.response().status, 503);
    }
    finish(&mut first);
    waiting.append(&mut others);
    assert_eq!(waiting.len(), 2);
    for client in &mut waiting {
        assert_eq!(client.response().text(), "hello\n");
    }
    server.assert_alive("a queue");
}

/// Memory runs out before instances do, and instances that end give their memory back.
#[test]
fn total_memory_limits_all_instances_together() {
    for reuse in ["", "--reuse 100"] {
        let server = Server::of_untrusted(&format!("--memory 8MiB --total-memory 8MiB {reuse}"));
        let used = server.get("/hello");
        assert_eq!(used.status, 200, "{}", server.log());
        let mut readers = Vec::new();
        let refused = loop {
            let mut client = server.connect();
            client.send(head(
                "POST",
                "/echo",
                &[("Content-Length", "5"), ("Expect", "100-continue")],
            ));
            let answer = client.response();
            match answer.status {
                100 => readers.push(client),
                _ => break answer,
            }
            assert!(readers.len() < 100, "the memory limit was never reached");
        };
        assert_eq!((refused.status, refused.need("retry-after")), (503, "1"));
        server.wait_for_log("the limit", |line| line.contains("(total-memory)"));
        assert!(!readers.is_empty());
        for mut client in readers {
            finish(&mut client);
        }
        server.assert_alive("memory in use");
    }
}

/// The same flags limit the default guest.
#[test]
fn limits_apply_to_the_default_guest() {
    let site = Site::new(&[("file.txt", "content")]);
    let server = Server::options()
        .arg(site.path())
        .args("--max-head 1KiB --max-body 10")
        .start();
    assert_eq!(server.get(&format!("/{}", "x".repeat(2_000))).status, 414);
    assert_eq!(
        server
            .exchange(&post("/file.txt", b"more than ten bytes"))
            .status,
        413
    );
    assert_eq!(server.get("/file.txt").text(), "content");
}

/// Clients that have each sent a request.
fn asking(server: &Server, count: usize) -> Vec<Client> {
    let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(head("GET", "/hello", &[]));
    }
    clients
}

/// Waits until `count` of the clients have an answer, and takes them out.
fn take_answered(clients: &mut Vec<Client>, count: usize) -> Vec<Client> {
    let begin = Instant::now();
    let mut answered = Vec::new();
    while answered.len() < count {
        assert!(
            begin.elapsed() < WAIT_LIMIT,
            "only {} answers",
            answered.len()
        );
        answered.extend(
            clients.extract_if(.., |client| !client.is_silent_for(Duration::from_millis(1))),
        );
    }
    assert_eq!(answered.len(), count);
    answered
}

/// A request whose handler has begun and waits for the body.
fn reading(server: &Server) -> Client {
    let mut client = server.connect();
    client.send(head(
        "POST",
        "/echo",
        &[("Content-Length", "5"), ("Expect", "100-continue")],
    ));
    assert_eq!(client.response().status, 100);
    client
}

/// Completes the request of `reading`.
fn finish(client: &mut Client) {
    client.send("hello");
    assert_eq!(client.response().text(), "hello");
}

fn assert_slow(client: &mut Client, what: &str) {
    let answer = client.response();
    assert_eq!((answer.status, answer.closes()), (408, true), "{what:?}");
    client.assert_closed(what);
}

const MOMENT: Duration = Duration::from_millis(400);
