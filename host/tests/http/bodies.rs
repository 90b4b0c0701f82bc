//! Tests of request bodies: chunked coding, `100 Continue`, malformed and incomplete bodies.

use std::time::Duration;

use crate::support::{Server, head, post, post_chunked, shown};

#[test]
fn decodes_well_formed_chunks() {
    for (coded, body) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("0005\r\nhello\r\n000\r\n\r\n", "hello"),
        ("1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", "hello"),
        ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("5;name\r\nhello\r\n0\r\n\r\n", "hello"),
        (
            "5;name=value;other=\"quoted\"\r\nhello\r\n0;last\r\n\r\n",
            "hello",
        ),
        ("5\r\nhello\r\n0\r\nX-Trailer: y\r\n\r\n", "hello"),
        (
            "5\r\nhello\r\n0\r\nX-Trailer: y\r\nX-Other:\r\n\r\n",
            "hello",
        ),
        ("7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n\r\n"),
    ] {
        let request = post_chunked("/echo", coded.as_bytes());
        let server = Server::shared();
        for bytewise in [false, true] {
            let mut client = server.connect();
            if bytewise {
                client.send_bytewise(&request)
            } else {
                client.send(&request)
            }
            let answer = client.response();
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, body),
                "{}",
                shown(coded.as_bytes())
            );
            // The server found the exact end of the body, so that it can parse the next request.
            assert_eq!(
                client.get("/hello").text(),
                "hello\n",
                "after {}",
                shown(coded.as_bytes())
            );
        }
    }
}

/// An extension has a name, and a value that is a token or a quoted string (RFC 9112, section 7.1.1).
#[test]
fn rejects_malformed_chunk_extensions() {
    for extension in [
        ";", ";;a", ";a;", "; ", ";=b", ";a=", ";a=\"b", ";a b", ";a=b c",
    ] {
        let coded = format!("5{extension}\r\nhello\r\n0\r\n\r\n");
        let answer = Server::shared().exchange(&post_chunked("/echo", coded.as_bytes()));
        assert_eq!((answer.status, answer.closes()), (400, true), "{extension}");
    }
}

/// The size is known from the head, but the client first sends everything and then reads, as proxies do.
#[test]
fn the_client_of_a_refused_upload_reads_the_413() {
    let server = Server::of_untrusted("--max-body 1MiB");
    let length = 100_000_000;
    for target in ["/echo", "/ignore-body"] {
        let mut client = server.connect();
        client.send(head(
            "POST",
            target,
            &[("Content-Length", &length.to_string())],
        ));
        let part = vec![b'x'; 1_000_000];
        for sent in 0..length / part.len() {
            let outcome = client.try_send(&part);
            outcome.unwrap_or_else(|error| panic!("{target}: {error} after {sent} MB"));
        }
        let answer = client.response();
        assert_eq!((answer.status, answer.closes()), (413, true), "{target}");
    }
}

/// The handler answers 200 to each of these requests. The server sends 400 instead and closes the connection.
#[test]
fn rejects_malformed_chunks_whatever_the_handler_answers() {
    let long_extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(100_000));
    let many_trailers = format!("5\r\nhello\r\n0\r\n{}\r\n", "X: y\r\n".repeat(50_000));
    for coded in [
        "\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5_\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\t\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "5h\r\nhello\r\n0\r\n\r\n",
        ";x\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloo\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\rX0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\x01\r\nhello\r\n0\r\n\r\n",
        "5;a\0\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
        "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\n\r\n",
        "5\r\nhello\r\n0\r\nX: \x01\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        &long_extension,
        &many_trailers,
    ] {
        let server = Server::shared();
        for bytewise in [false, true] {
            if bytewise && coded.len() > 1_000 {
                continue;
            }
            let mut client = server.connect();
            let bytes = [
                &post_chunked("/echo", coded.as_bytes())[..],
                head("GET", "/hello", &[]).as_bytes(),
            ]
            .concat();
            if bytewise {
                client.send_bytewise(&bytes)
            } else {
                client.send(&bytes)
            }
            let answer = client.response_to(&bytes);
            assert_eq!(answer.status, 400, "{}", shown(coded.as_bytes()));
            assert!(answer.closes(), "{}", answer.head);
            client.assert_closed(&shown(coded.as_bytes()));
        }
    }
    Server::shared().assert_alive("malformed chunks");
}

#[test]
fn rejects_incomplete_bodies() {
    for request in [
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let server = Server::shared();
        let mut client = server.connect();
        client.send(request);
        client.finish_sending();
        // The client may still read. A response of 200 would be wrong, because the body is incomplete.
        match client.try_response(false) {
            Ok(answer) => assert_eq!((answer.status, answer.closes()), (400, true), "{request:?}"),
            Err(broken) => panic!("{request:?}: {broken:?}"),
        }
        client.assert_closed(request);
    }
}

/// RFC 9110, section 10.1.1. The server sends 100 when the handler first reads the body, and not before.
#[test]
fn sends_100_continue_when_the_handler_reads() {
    let server = Server::shared();
    for value in ["100-continue", "100-Continue"] {
        let mut client = server.connect();
        client.send(head(
            "POST",
            "/echo",
            &[("Content-Length", "5"), ("Expect", value)],
        ));
        let interim = client.response();
        assert_eq!(
            (interim.status, interim.fields.len()),
            (100, 0),
            "{}",
            interim.head
        );
        client.send("hello");
        let answer = client.response();
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
        assert_eq!(
            client.get("/hello").text(),
            "hello\n",
            "the connection must stay usable"
        );
    }
    let mut client = server.connect();
    client.send(head(
        "POST",
        "/echo",
        &[("Transfer-Encoding", "chunked"), ("Expect", "100-continue")],
    ));
    assert_eq!(client.response().status, 100);
    client.send("5\r\nhello\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "hello");
}

#[test]
fn sends_no_100_continue_when_the_handler_does_not_read() {
    let server = Server::shared();
    let mut client = server.connect();
    client.send(head(
        "POST",
        "/ignore-body",
        &[("Content-Length", "5"), ("Expect", "100-continue")],
    ));
    let answer = client.response();
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "the body was ignored\n")
    );
    // The server cannot know whether the five bytes will follow, so it cannot parse anything after them.
    assert!(answer.closes(), "{}", answer.head);
    client.assert_closed("an answer instead of 100");
}

#[test]
fn sends_no_100_continue_without_body_or_in_http_1_0() {
    let server = Server::shared();
    // The request has no body to wait for.
    let mut client = server.connect();
    client.send(head("GET", "/hello", &[("Expect", "100-continue")]));
    assert_eq!(client.response().status, 200);
    // HTTP/1.0 has no interim responses.
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.0\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    let answer = client.response();
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
}

#[test]
fn rejects_unknown_expectations() {
    let server = Server::shared();
    for value in ["200-ok", "100-continue, other", "100", "continue"] {
        let mut client = server.connect();
        client.send(head(
            "POST",
            "/echo",
            &[("Content-Length", "5"), ("Expect", value)],
        ));
        assert_eq!(client.response().status, 417, "{value}");
    }
}

/// The handler answers without reading the body. The server discards a small body and keeps the connection.
#[test]
fn discards_small_unread_bodies() {
    let server = Server::shared();
    for request in [
        post("/ignore-body", &[b'x'; 1000]),
        post("/read-first-byte", b"hello"),
        post_chunked("/ignore-body", b"5\r\nhello\r\n0\r\n\r\n"),
    ] {
        let mut client = server.connect();
        client.send(&request);
        let answer = client.response();
        assert_eq!(
            (answer.status, answer.closes()),
            (200, false),
            "{}",
            answer.head
        );
        assert_eq!(
            client.get("/hello").text(),
            "hello\n",
            "after {}",
            shown(&request)
        );
    }
}

/// The server does not wait for a large body. The response arrives complete, and the connection closes.
#[test]
fn closes_after_a_large_unread_body() {
    let server = Server::shared();
    let mut client = server.connect();
    client.send(head(
        "POST",
        "/ignore-body",
        &[("Content-Length", "50000000")],
    ));
    client.send(vec![b'x'; 100_000]);
    let answer = client.response();
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "the body was ignored\n")
    );
    assert!(answer.closes(), "{}", answer.head);
    client.assert_closed("an answer before the body");
    server.assert_alive("an unread body");
}

/// The client keeps sending and reads only afterwards. A reset must not lose the response.
#[test]
fn delivers_the_response_to_a_client_that_is_still_sending() {
    let server = Server::shared();
    for _ in 0..5 {
        let mut client = server.connect();
        client.send(head("POST", "/echo", &[("Content-Length", "99999999999")]));
        for _ in 0..20 {
            client.send([b'x'; 1000]);
            std::thread::sleep(Duration::from_millis(1));
        }
        let answer = client.response();
        assert_eq!((answer.status, answer.closes()), (413, true));
    }
}
