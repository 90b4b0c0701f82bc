//! Tests of request bodies: what handlers read, and how the server answers bodies that fail.

use super::*;

fn post(path: &str, fields: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n{body}")
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

#[tokio::test(start_paused = true)]
async fn delivers_the_content_to_the_handler() {
    let large = "0123456789".repeat(20_000);
    let length = |content: &str| format!("Content-Length: {}\r\n", content.len());
    for (fields, body, content) in [
        ("", "", ""),
        ("Content-Length: 0\r\n", "", ""),
        (&length("hello"), "hello", "hello"),
        (&length(&large), &large, &large),
        (CHUNKED, "0\r\n\r\n", ""),
        (
            CHUNKED,
            "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: x\r\n\r\n",
            "hello, world",
        ),
        (
            CHUNKED,
            &format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len()),
            &large,
        ),
        (
            CHUNKED,
            &format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(2000)),
            &"x".repeat(2000),
        ),
    ] {
        for path in ["/echo", "/stream-echo"] {
            let request = post(path, fields, body) + "GET /after HTTP/1.1\r\nHost: h\r\n\r\n";
            let responses = responses(&request).await;
            if path == "/stream-echo" && content.len() > 64 << 10 {
                // The server decides whether to keep the connection before the rest of the body arrives.
                assert_eq!(responses[0].body, content.as_bytes());
                continue;
            }
            assert_eq!(summarise(&responses), "200, 200", "{path} {fields}");
            assert_eq!(responses[0].body, content.as_bytes(), "{path} {fields}");
            assert_eq!(responses[1].body, b"GET /after");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rejects_a_body_that_fails_whatever_the_handler_answers() {
    let limits = Limits {
        max_body: 10,
        ..Limits::default()
    };
    for (fields, body, expected) in [
        ("Content-Length: 9\r\n", "short", "400 close"),
        ("Content-Length: 11\r\n", "hello world", "413 close"),
        (CHUNKED, "", "400 close"),
        (CHUNKED, "5\r\nhel", "400 close"),
        (CHUNKED, "5\r\nhello\r\n0\r\n", "400 close"),
        (CHUNKED, "5\r\nhello\r\n0\r\n\r", "400 close"),
        (CHUNKED, "x\r\nhello\r\n0\r\n\r\n", "400 close"),
        (CHUNKED, "\r\nhello\r\n0\r\n\r\n", "400 close"),
        (CHUNKED, "5\nhello\r\n0\r\n\r\n", "400 close"),
        (CHUNKED, "5\r\nhello0\r\n\r\n", "400 close"),
        (CHUNKED, "0x5\r\nhello\r\n0\r\n\r\n", "400 close"),
        (
            CHUNKED,
            "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
            "400 close",
        ),
        (CHUNKED, "5\r\nhello\r\nfffffffffffffffff\r\n", "400 close"),
        (CHUNKED, "a\r\n0123456789\r\n0\r\n\r\n", "200"),
        (
            CHUNKED,
            "a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n",
            "413 close",
        ),
        (CHUNKED, "b\r\n0123456789a\r\n0\r\n\r\n", "413 close"),
    ] {
        let responses = responses_within(&post("/echo", fields, body), &limits).await;
        assert_eq!(summarise(&responses), expected, "{fields} {body:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cuts_the_connection_when_a_body_fails_after_the_head() {
    let request = post("/stream-echo", CHUNKED, "5\r\nhello\r\nx\r\n");
    let answer = exchange(request.as_bytes(), 1, &Limits::default()).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\n\r\n1\r\nh\r\n"), "{answer}");
    assert!(!answer.contains("\r\n0\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn discards_unread_bodies_up_to_a_bound() {
    let content = |length: usize| (format!("Content-Length: {length}\r\n"), "x".repeat(length));
    let chunks = |length: usize| format!("{length:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(length));
    let (small, small_body) = content(5);
    let (fits, fits_body) = content(64 << 10);
    let (large, large_body) = content(200 << 10);
    for (path, fields, body, expected) in [
        ("/ignore", &small[..], &small_body[..], "200, 200"),
        ("/ignore", &fits, &fits_body, "200, 200"),
        ("/ignore", &large, &large_body, "200 close"),
        ("/first-byte", &small, &small_body, "200, 200"),
        ("/ignore", CHUNKED, &chunks(5), "200, 200"),
        // A chunked body turns out to be too large only after the response.
        ("/ignore", CHUNKED, &chunks(200 << 10), "200"),
        ("/ignore", CHUNKED, "5\r\nhello\r\nx\r\n", "200"),
    ] {
        let request = post(path, fields, body);
        // The server notices a malformed body before the response only if its bytes arrive at once.
        let request = format!("{request}GET /after HTTP/1.1\r\nHost: h\r\n\r\n");
        let limits = Limits::default();
        for step in [97, request.len()] {
            let answer = exchange(request.as_bytes(), step, &limits).await;
            let got = summarise(&parse_all(&answer, &request));
            let known_at_once = expected == "200" && got == "200 close";
            assert!(got == expected || known_at_once, "{path} {fields}: {got}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sends_100_continue_on_the_first_read() {
    let fields = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    let (mut client, server) = start();
    client
        .write_all(post("/echo", fields, "").as_bytes())
        .await
        .unwrap();
    assert_eq!(
        read_until(&mut client, "\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    client.write_all(b"hello").await.unwrap();
    let head = read_until(&mut client, "\r\n\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("close"),
        "{head}"
    );
    assert_eq!(read_until(&mut client, "hello").await, "hello");
    drop(client);
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closes_the_connection_when_100_continue_was_withheld() {
    let fields = "Content-Length: 5\r\nExpect: 100-Continue\r\n";
    for (request, expected) in [
        // The handler reads the body, which the client sent without waiting.
        (post("/echo", fields, "hello"), "100, 200, 200"),
        (post("/first-byte", fields, "hello"), "100, 200, 200"),
        // The handler never reads, so the server cannot know whether the body follows.
        (post("/ignore", fields, "hello"), "200 close"),
        (post("/ignore", fields, ""), "200 close"),
        // A request without a body needs no 100 Continue.
        (post("/echo", "Expect: 100-continue\r\n", ""), "200, 200"),
        (post("/echo", "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "100, 200, 200"),
        // HTTP/1.0 has no 100 Continue.
        (
            "POST /echo HTTP/1.0\r\nContent-Length: 5\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\nhello"
                .into(),
            "200 keep-alive, 200",
        ),
        // The head of a stream is sent first, and no interim response may follow it.
        (post("/stream-echo", fields, "hello"), "200 close"),
    ] {
        assert_eq!(summary(&request).await, expected, "{request:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn delivers_a_body_to_another_task() {
    let (mut client, server) = duplex(64);
    let server = tokio::spawn(async move {
        let mut connection = Connection::new(server, Arc::new(Limits::default()));
        assert!(connection.idle().await);
        let body = connection.next_request().await.unwrap().unwrap().body;
        let reader = tokio::spawn(read_all(body));
        let content = connection.drive(reader).await.unwrap().unwrap().unwrap();
        let sent = connection
            .respond(Response::new(200, vec![], Body::Bytes(content.into())).unwrap())
            .await;
        assert_eq!(
            sent.unwrap(),
            Sent {
                status: 200,
                body_bytes: 1000
            }
        );
        assert!(connection.sent_head().starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert!(connection.sent_head().ends_with(b"\r\n\r\n"));
        connection.close().await;
    });
    let content = "x".repeat(1000);
    client
        .write_all(post("/", "Content-Length: 1000\r\n", &content).as_bytes())
        .await
        .unwrap();
    read_until(&mut client, &content).await;
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn delivers_bytes_that_arrived_with_the_head_at_once() {
    let (mut client, server) = duplex(1 << 10);
    let mut connection = Connection::new(server, Arc::new(Limits::default()));
    client
        .write_all(post("/", "Content-Length: 7\r\n", "hello").as_bytes())
        .await
        .unwrap();
    let mut body = connection
        .next_request()
        .await
        .unwrap()
        .unwrap()
        .body
        .unwrap();
    assert_eq!(body.try_read(2), Some(Ok(Some("he".into()))));
    assert_eq!(body.try_read(9), Some(Ok(Some("llo".into()))));
    assert_eq!(body.try_read(9), None);
    // A reader that outlives the request gets an error.
    connection.respond(Response::error(404)).await.unwrap();
    assert_eq!(body.try_read(9), None);
    drop(connection);
    assert_eq!(body.try_read(9), Some(Err(BodyError::Answered)));
}
