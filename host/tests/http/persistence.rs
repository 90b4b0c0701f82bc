//! Tests of persistent connections and pipelining.

use crate::support::{Server, head, post};

#[test]
fn keeps_connections_open_unless_asked_otherwise() {
    // Version, Connection field, and whether the connection persists.
    for (version, connection, persists) in [
        ("HTTP/1.1", "", true),
        ("HTTP/1.1", "Connection: keep-alive\r\n", true),
        ("HTTP/1.1", "Connection: X-Other\r\n", true),
        ("HTTP/1.1", "Connection: close\r\n", false),
        ("HTTP/1.1", "Connection: Close\r\n", false),
        ("HTTP/1.1", "Connection: X-Other , close\r\n", false),
        (
            "HTTP/1.1",
            "Connection: X-Other\r\nConnection: close\r\n",
            false,
        ),
        ("HTTP/1.1", "Connection: keep-alive, close\r\n", false),
        ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: close\r\n", false),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
    ] {
        let server = Server::shared();
        let mut client = server.connect();
        client.send(format!(
            "GET /hello {version}\r\nHost: localhost\r\n{connection}\r\n"
        ));
        let case = format!("{version} {connection:?}");
        let answer = client.response();
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "hello\n"),
            "{case}"
        );
        if persists {
            assert!(!answer.closes(), "{case}: {}", answer.head);
            if version == "HTTP/1.0" {
                assert_eq!(answer.list("connection"), ["keep-alive"], "{case}");
            }
            assert_eq!(client.get("/count").text(), "1\n", "{case}");
        } else {
            if version == "HTTP/1.1" {
                assert!(answer.closes(), "{case}: {}", answer.head);
            }
            client.assert_closed(&case);
        }
    }
}

#[test]
fn ignores_requests_after_one_that_closes() {
    let server = Server::shared();
    let mut client = server.connect();
    client.send(head("GET", "/hello", &[("Connection", "close")]) + &head("GET", "/hello", &[]));
    assert!(client.response().closes());
    client.assert_closed("Connection: close");
}

#[test]
fn answers_pipelined_requests_in_order() {
    let server = Server::shared();
    let mut requests = Vec::new();
    for number in 0..100 {
        match number % 4 {
            0 => requests.extend(head("GET", &format!("/headers/{number}"), &[]).into_bytes()),
            1 => requests.extend(post("/echo", format!("body {number}").as_bytes())),
            2 => requests.extend(head("HEAD", &format!("/headers/{number}"), &[]).into_bytes()),
            _ => requests.extend(post("/ignore-body", format!("body {number}").as_bytes())),
        }
    }
    let mut client = server.connect();
    client.send(&requests);
    for number in 0..100 {
        let answer = client.response_to(if number % 4 == 2 { b"HEAD " } else { b"" });
        assert_eq!(answer.status, 200, "request {number}");
        let text = answer.text();
        match number % 4 {
            0 => assert!(
                text.contains(&format!("path /headers/{number}\n")),
                "request {number}: {text}"
            ),
            1 => assert_eq!(text, format!("body {number}"), "request {number}"),
            2 => assert_eq!(text, "", "request {number}"),
            _ => assert_eq!(text, "the body was ignored\n", "request {number}"),
        }
    }
    assert_eq!(
        client.get("/hello").text(),
        "hello\n",
        "no bytes may be left over"
    );
}

/// A client that closes its side after its requests still receives the responses.
#[test]
fn answers_pipelined_requests_before_a_half_close() {
    let server = Server::shared();
    let mut client = server.connect();
    client.send(head("GET", "/hello", &[]).repeat(5));
    client.finish_sending();
    for _ in 0..5 {
        assert_eq!(client.response().text(), "hello\n");
    }
    client.assert_closed("the last answer");
}

#[test]
fn answers_each_request_in_its_own_instance() {
    let server = Server::shared();
    let mut client = server.connect();
    let mut numbers = std::collections::HashSet::new();
    for _ in 0..20 {
        assert_eq!(client.get("/count").text(), "1\n");
        assert!(
            numbers.insert(client.get("/random").text()),
            "a random number came twice"
        );
    }
}

#[test]
fn answers_head_like_get_without_the_body() {
    let server = Server::shared();
    for target in [
        "/hello",
        "/big-body?n=100000",
        "/status?code=404",
        "/status?code=204",
        "/no-such-thing",
    ] {
        let get = server.get(target);
        let head = server.request("HEAD", target, &[]);
        assert_eq!(head.status, get.status, "{target}");
        let without_date = |fields: &[(String, String)]| -> Vec<(String, String)> {
            fields
                .iter()
                .filter(|(name, _)| !name.eq_ignore_ascii_case("date"))
                .cloned()
                .collect()
        };
        assert_eq!(
            without_date(&head.fields),
            without_date(&get.fields),
            "{target}"
        );
    }
    // The next response on the connection must belong to the next request.
    let mut client = server.connect();
    for _ in 0..3 {
        let request = head("HEAD", "/hello", &[]);
        client.send(&request);
        assert_eq!(
            client
                .response_to(request.as_bytes())
                .need("content-length"),
            "6"
        );
        assert_eq!(client.get("/hello").text(), "hello\n");
    }
}
