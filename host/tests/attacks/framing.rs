//! Guests that lie about the framing of a response, or put a second response into the first.

use crate::attack::{answers, fails, withstands};
use crate::footprint::Footprint;
use crate::support::{Broken, Server, Site, head};

/// Every response on the connection is one that was asked for. The client is strict.
#[test]
fn invalid_responses_become_500() {
    let site = Site::new(&[("file.txt", "content")]);
    let server = started(&site);
    let before = Footprint::of(&server);
    for (kind, lies) in [
        ("status", 8),
        ("name", 10),
        ("value", 7),
        ("length", 10),
        ("without-body", 2),
        ("file", 5),
        ("two-lengths", 1),
        ("folder", 1),
    ] {
        for lie in 0..lies {
            let target = format!("/framing/{kind}?n={lie}");
            for method in ["GET", "HEAD"] {
                let mut client = server.connect();
                let request = head(method, &target, &[]);
                client.send(request.repeat(2));
                for _ in 0..2 {
                    let answer = client.response_to(request.as_bytes());
                    // The response to a HEAD has no body whose length could be a lie.
                    let is_head = method == "HEAD" && ["length", "file"].contains(&kind);
                    let allowed = answer.status == 500 || is_head;
                    assert!(allowed, "{method} {target}: {}", answer.head);
                    assert_eq!(answer.field("x-split"), None, "{target}");
                }
                assert_eq!(client.get("/hello").text(), "hello\n", "{target}");
            }
        }
    }
    // There are more lines than the log takes at once.
    server.wait_for_log("a reason", |line| {
        line.contains("ERROR") && line.contains("/framing/status")
    });
    before.assert_regained(&server, "invalid responses");
}

/// The host frames the body itself, whatever the guest says.
#[test]
fn fields_of_the_connection_are_dropped() {
    let site = Site::new(&[]);
    let server = started(&site);
    for (target, length) in [
        ("/framing/chunked", CHUNKED),
        ("/framing/connection", "body".len()),
        (
            "/framing/a-response-in-the-body",
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged".len(),
        ),
    ] {
        let mut client = server.connect();
        client.send(head("GET", target, &[]).repeat(3));
        for _ in 0..3 {
            let answer = client.response();
            assert_eq!(
                (answer.status, answer.body.len()),
                (200, length),
                "{target}"
            );
            for field in [
                "transfer-encoding",
                "upgrade",
                "trailer",
                "te",
                "keep-alive",
            ] {
                assert_eq!(answer.field(field), None, "{target}: {}", answer.head);
            }
        }
        assert_eq!(client.get("/hello").text(), "hello\n", "{target}");
    }
    assert_eq!(server.get("/framing/chunked-with-length").status, 500);
}

/// The same with wasi:http 0.2 and 0.3, where the head is sent before the body is known.
#[test]
fn streamed_bodies_that_differ_from_their_length_are_cut() {
    for guest in ["test_proxy", "test_service"] {
        let server = Server::options().handler(guest).start();
        server.assert_alive("the start");
        let before = Footprint::of(&server);
        for (declared, written) in [(2, 6), (20, 7), (0, 1), (1, 0), (1_000_000, 999_999)] {
            for pause in [0, 20] {
                let target = format!("/length?declared={declared}&written={written}&pause={pause}");
                let mut client = server.connect();
                client.send(head("GET", &target, &[]).repeat(2));
                let answer = client.try_response(false);
                let refused = match &answer {
                    // The host saw the lie before it sent a byte, or drops what comes after the end.
                    Ok(answer) => answer.status == 500 || (declared, answer.body.len()) == (0, 0),
                    Err(broken) => matches!(broken, Broken::CutShort { .. } | Broken::Closed),
                };
                assert!(
                    refused,
                    "{guest} {target}: {answer:?}; log:\n{}",
                    server.log()
                );
            }
        }
        server.assert_alive(guest);
        before.assert_regained(&server, guest);
    }
    let server = Server::options().handler("test_attacker_async").start();
    server.assert_alive("the start");
    withstands(
        &server,
        &[
            answers("/responses/chunked", "refused (HeaderError::Forbidden)\n"),
            fails("/responses/error", 500, "InternalError"),
        ],
    );
    for target in [
        "/responses/longer-than-declared",
        "/responses/shorter-than-declared",
    ] {
        let mut client = server.connect();
        client.send(head("GET", target, &[]));
        let answer = client.try_response(false);
        assert!(!answer.is_ok_and(|answer| answer.status == 200), "{target}");
    }
    let log = server.log();
    assert!(!log.lines().any(|line| line.starts_with("forged")), "{log}");
}

/// A file that is shorter than the response says: the connection is cut, and nothing looks whole.
#[test]
fn a_file_that_shrinks_is_cut() {
    let site = Site::new(&[]);
    let server = Server::options()
        .handler("test_attacker")
        .dir(&site.path(), "::/:rw")
        .start();
    server.assert_alive("the start");
    let mut client = server.connect();
    client.send(head("GET", "/files/shrunk", &[]));
    let answer = client.try_response(false);
    let refused = match &answer {
        Ok(answer) => answer.status == 500,
        Err(broken) => matches!(broken, Broken::CutShort { .. }),
    };
    assert!(refused, "{answer:?}");
    server.assert_alive("a file that shrank");
}

fn started(site: &Site) -> Server {
    let server = Server::options()
        .handler("test_attacker")
        .dir(&site.path(), "::/")
        .start();
    server.assert_alive("the start");
    server
}

/// The bytes of the body that is chunked already.
const CHUNKED: usize = 59;
