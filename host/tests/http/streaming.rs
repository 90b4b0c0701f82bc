//! Tests of streaming through wasi:http handlers: bodies flow in both directions, with backpressure.

use std::io::Write;
use std::thread;

use crate::support::{Client, Response, Server, head};

/// The same handler for both versions of wasi:http; see the folder `guests`.
const GUESTS: [&str; 2] = ["test_proxy", "test_service"];

fn started(guest: &str, arguments: &str) -> Server {
    Server::options().handler(guest).args(arguments).start()
}

const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");

fn next_chunk(client: &mut Client, answer: &Response) -> String {
    let chunk = client.try_chunk(answer);
    let chunk = chunk.unwrap_or_else(|why| panic!("no chunk arrived: {why:?}"));
    String::from_utf8(chunk).expect("the bytes are text")
}

/// The client sends the next piece only after it has received the event of the last one, so that no direction may hold
/// bytes back.
#[test]
fn delivers_events_as_they_are_written() {
    for guest in GUESTS {
        let server = started(guest, "");
        let mut client = server.connect();
        client.send(head("POST", "/events", &[CHUNKED]));
        let answer = client.try_head().expect("the head arrives before the body");
        assert_eq!(answer.need("content-type"), "text/event-stream");
        assert_eq!(
            next_chunk(&mut client, &answer),
            "data: ready\n\n",
            "{guest}"
        );
        for length in 1..=20 {
            client.send(format!("{length:x}\r\n{}\r\n", "x".repeat(length)));
            let event = next_chunk(&mut client, &answer);
            assert_eq!(event, format!("data: {length}\n\n"), "{guest}");
        }
        client.send("0\r\n\r\n");
        assert_eq!(next_chunk(&mut client, &answer), "", "{guest}");
        client.send(b"");
        let _ = client;
    }
}

/// The server holds neither direction in memory, whichever side is slower.
#[cfg(target_os = "linux")]
#[test]
fn echoes_a_large_upload_in_constant_memory() {
    for guest in GUESTS {
        let server = started(guest, "--max-body 1GiB --cpu 10min");
        assert_eq!(server.get("/hello").text(), "hello\n");
        let before = server.most_memory();
        let mut client = server.connect();
        let mut stream = client.stream();
        let length = UPLOAD.to_string();
        client.send(head("POST", "/echo", &[("Content-Length", &length)]));
        let sender = thread::spawn(move || {
            let piece = vec![b'x'; 1 << 20];
            for _ in 0..UPLOAD >> 20 {
                stream
                    .write_all(&piece)
                    .expect("the server takes all of it");
            }
        });
        let answer = client.try_head().expect("the head arrives");
        let mut received = 0;
        loop {
            match client.try_chunk(&answer) {
                Ok(chunk) if chunk.is_empty() => break,
                Ok(chunk) => received += chunk.len(),
                Err(why) => panic!("{guest}: after {received}: {why:?}; {}", server.log()),
            }
        }
        sender.join().expect("the sender ends");
        assert_eq!(received, UPLOAD, "{guest}");
        let grown = server.most_memory() - before;
        assert!(grown < BOUND, "{guest}: {grown} bytes more than before");
    }
}

/// A handler with an endless response produces only what its client reads, and ends when the client disconnects.
#[cfg(target_os = "linux")]
#[test]
fn a_client_that_does_not_read_stops_its_handler() {
    for guest in GUESTS {
        let server = started(guest, "--max-instances 1 --queue-timeout 100ms --cpu 10min");
        assert_eq!(server.get("/hello").text(), "hello\n");
        let before = server.most_memory();
        let mut client = server.connect();
        client.send(head("GET", "/big?n=1000000000000", &[]));
        let answer = client.try_head().expect("the head arrives");
        for _ in 0..100 {
            assert!(!next_chunk(&mut client, &answer).is_empty());
        }
        // The client stops reading. The handler keeps its instance, so that other requests get none.
        assert_eq!(server.get("/hello").status, 503, "{guest}");
        let grown = server.most_memory() - before;
        assert!(grown < BOUND, "{guest}: {grown} bytes more than before");
        drop(client);
        wait_for_hello(&server, 200, guest);
    }
}

/// A handler ends when its client disconnects: before and after the head, while it waits, works, reads or writes.
#[test]
fn cancels_the_handler_when_the_client_disconnects() {
    for guest in GUESTS {
        let server = started(
            guest,
            "--max-instances 1 --queue-timeout 100ms --cpu 10min --timeout 10min",
        );
        for (target, fields) in [
            ("/wait", &[][..]),
            ("/wait-after-head", &[]),
            ("/loop", &[]),
            ("/loop-after-head", &[]),
            ("/events", &[CHUNKED]),
            ("/big?n=1000000000000", &[]),
        ] {
            let mut client = server.connect();
            client.send(head("GET", target, fields));
            if !["/wait", "/loop"].contains(&target) {
                let answer = client.try_head();
                assert_eq!(
                    answer.expect("the head arrives").status,
                    200,
                    "{guest}: {target}"
                );
            }
            let case = format!("{guest}: {target}");
            wait_for_hello(&server, 503, &case);
            drop(client);
            wait_for_hello(&server, 200, &case);
        }
    }
}

/// Sends requests until the status is 200 (an instance is free) or 503 (none is), as expected.
fn wait_for_hello(server: &Server, status: u16, case: &str) {
    let begin = std::time::Instant::now();
    while server.get("/hello").status != status {
        assert!(
            begin.elapsed() < crate::support::WAIT_LIMIT,
            "{case}: never {status}"
        );
    }
}

/// The server sends 100 Continue when the handler first reads the body, and not before.
#[test]
fn sends_100_continue_when_the_handler_reads() {
    let expecting = [CHUNKED, ("Expect", "100-continue")];
    for guest in GUESTS {
        let server = started(guest, "");
        let mut client = server.connect();
        client.send(head("POST", "/hello", &expecting));
        assert_eq!(
            client.try_head().expect("the head arrives").status,
            200,
            "{guest}"
        );

        let mut client = server.connect();
        client.send(head("POST", "/echo", &expecting));
        assert_eq!(
            client.try_head().expect("the head arrives").status,
            100,
            "{guest}"
        );
        client.send("5\r\nhello\r\n0\r\n\r\n");
        assert_eq!(client.response().text(), "hello", "{guest}");
    }
}

#[test]
fn a_failed_request_body_cuts_the_response() {
    for guest in GUESTS {
        let server = started(guest, "--max-body 100kB --body-timeout 300ms");
        for (coded, status) in [
            ("zz\r\n", 400),
            // The client sends nothing more.
            ("5\r\nhe", 408),
        ] {
            let mut client = server.connect();
            client.send(head("POST", "/echo", &[CHUNKED]));
            client.send(coded);
            // The body failed before the handler answered, or the response was cut.
            match client.try_response(false) {
                Ok(answer) => assert_eq!(answer.status, status, "{guest}: {coded}"),
                Err(crate::support::Broken::CutShort { head, .. }) => {
                    assert!(head.starts_with("HTTP/1.1 200"), "{guest}: {coded}: {head}");
                }
                Err(why) => panic!("{guest}: {coded}: {why:?}"),
            }
        }
        // The body turns out to be too large after a part of the response was sent.
        let mut client = server.connect();
        client.send(head("POST", "/echo", &[CHUNKED]));
        let mut stream = client.stream();
        let sender = thread::spawn(move || {
            let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
            while stream.write_all(chunk.as_bytes()).is_ok() {}
        });
        let answer = client.try_response(false);
        assert!(
            matches!(answer, Err(crate::support::Broken::CutShort { .. })),
            "{guest}: {answer:?}"
        );
        sender.join().expect("the sender ends");
    }
}

/// Trailers are sent to clients that accept them.
#[test]
fn passes_trailers_in_both_directions() {
    let te = [("TE", "trailers"), ("Connection", "close")];
    let close = [("Connection", "close")];
    let upload = [CHUNKED, ("TE", "trailers"), ("Connection", "close")];
    for guest in GUESTS {
        let server = started(guest, "");
        for (target, fields, body, end) in [
            (
                "/trailers",
                &te[..],
                "",
                "content\r\n0\r\nx-checksum: 7\r\n\r\n",
            ),
            (
                "/trailers?pause=1",
                &te,
                "",
                "content\r\n0\r\nx-checksum: 7\r\n\r\n",
            ),
            ("/trailers", &close, "", "content\r\n0\r\n\r\n"),
            ("/trailers?pause=1", &close, "", "content\r\n0\r\n\r\n"),
            (
                "/echo",
                &upload,
                "3\r\nabc\r\n0\r\nX-Sum: 5\r\nHost: evil\r\n\r\n",
                "abc\r\n0\r\nx-sum: 5\r\n\r\n",
            ),
        ] {
            let mut client = server.connect();
            client.send(head("POST", target, fields) + body);
            let answer = client.try_head().expect("the head arrives");
            assert_eq!(
                answer.need("transfer-encoding"),
                "chunked",
                "{guest}: {target}"
            );
            let rest = String::from_utf8(client.rest()).expect("the bytes are text");
            assert!(rest.ends_with(end), "{guest}: {target}: {rest:?}");
        }
    }
}

/// The size of an upload in bytes.
const UPLOAD: usize = 128 << 20;
/// How much the memory of the server may grow during the upload, in bytes.
const BOUND: u64 = 24 << 20;
