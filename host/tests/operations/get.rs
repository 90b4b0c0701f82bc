//! `belljar get`: the small client, against this server and against others that are worse.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::support::{Ended, Server, Site, run};

#[test]
fn the_answer_is_shown_whole() {
    let site = Site::new(&[
        ("index.html", "<h1>Index</h1>\n"),
        ("folder/index.html", "folder"),
        ("empty.txt", ""),
    ]);
    let server = Server::of_site(&site);
    let port = server.address.port().to_string();
    let url = format!("http://127.0.0.1:{port}");
    let root = format!("{url}/");
    let query = format!("{url}/index.html?x=1");
    for arguments in [
        &["127.0.0.1", &port, "/"][..],
        &["localhost", &port, "/index.html"],
        &[&url],
        &[&root],
        &[&query],
    ] {
        let ended = get(arguments);
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
        let (head, body) = ended
            .stdout
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no head: {ended:?}"));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(
            head.to_ascii_lowercase()
                .contains("\r\ncontent-type: text/html; charset=utf-8"),
            "{head}"
        );
        assert_eq!(body, "<h1>Index</h1>\n", "{arguments:?}");
    }
    assert_eq!(get(&["127.0.0.1", &port, "/empty.txt"]).code, Some(0));
    // A redirect is an answer, and not followed.
    let redirect = get(&["127.0.0.1", &port, "/folder"]);
    assert_eq!(redirect.code, Some(0));
    assert!(
        redirect.stdout.starts_with("HTTP/1.1 301 "),
        "{}",
        redirect.stdout
    );
    let missing = get(&["127.0.0.1", &port, "/missing"]);
    assert_eq!(missing.code, Some(1));
    assert!(
        missing.stdout.starts_with("HTTP/1.1 404 Not Found\r\n"),
        "{}",
        missing.stdout
    );
}

#[test]
fn the_exit_status_tells_success_from_failure() {
    // What the other server says, the exit status, the end of what is shown.
    for (script, code, shown) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            0,
            "hello",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more",
            0,
            "hello",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            0,
            "\r\n\r\n",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", 0, "\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 0, "until the end"),
        ("HTTP/1.0 200 OK\r\n\r\nold", 0, "old"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
            0,
            "\r\n\r\nhello!",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n",
            0,
            "\r\n\r\nhello",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            0,
            "ok",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            0,
            "ok",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone",
            1,
            "gone",
        ),
        (
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
            1,
            "\r\n\r\n",
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
            1,
            "no",
        ),
        // Broken, and said to be so.
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 1, ""),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            1,
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            1,
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            1,
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
            1,
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
            1,
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
            1,
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            1,
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            1,
            "",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Le", 1, ""),
        ("HTTP/1.1 abc OK\r\n\r\n", 1, ""),
        ("SSH-2.0-OpenSSH_9.9\r\n", 1, ""),
        ("hello\r\n\r\n", 1, ""),
        ("", 1, ""),
    ] {
        let (port, request) = say_once(script);
        let ended = get(&["127.0.0.1", &port, "/path?query"]);
        assert_eq!(ended.code, Some(code), "{script:?}: {ended:?}");
        assert!(ended.stdout.ends_with(shown), "{script:?}: {ended:?}");
        // A broken answer is explained; one that is whole speaks for itself.
        let broken = code == 1 && shown.is_empty();
        assert_eq!(
            ended.stderr.starts_with("belljar: "),
            broken,
            "{script:?}: {ended:?}"
        );
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        let request = request.join().expect("the other server was asked");
        assert!(
            request.starts_with("GET /path?query HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.contains(&format!("\r\nHost: 127.0.0.1:{port}\r\n")),
            "{request}"
        );
    }
}

/// Servers that never come to the point: each ends in a broken answer, and before memory does.
#[test]
fn servers_without_an_end() {
    for (name, beginning, rest, told) in [
        (
            "a head",
            "HTTP/1.1 200 OK\r\n",
            "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
            "head",
        ),
        (
            "a field",
            "HTTP/1.1 200 OK\r\nX: ",
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
            "head",
        ),
        (
            "interim answers",
            "",
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
            "interim",
        ),
        (
            "another protocol",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "\0\0\0\0",
            "protocol",
        ),
        (
            "the size of a chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "0000000000000000000000000000",
            "malformed",
        ),
        (
            "trailers",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
            "malformed",
        ),
        (
            "nothing but line ends",
            "",
            "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
            "head",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("the port has a number").port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the client comes");
            let rest = rest.repeat(200);
            let mut sent = stream.write_all(beginning.as_bytes());
            while sent.is_ok() {
                sent = stream.write_all(rest.as_bytes());
            }
        });
        let ended = get(&["--timeout", "10s", "127.0.0.1", &port.to_string(), "/"]);
        assert_eq!(ended.code, Some(1), "{name}: {ended:?}");
        assert!(ended.stderr.contains(told), "{name}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{name}: {}", ended.stderr);
        server
            .join()
            .expect("the other server ends with its client");
    }
}

/// A server that accepts and says nothing must not hold the program for ever.
#[test]
fn silence_has_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener
        .local_addr()
        .expect("the port has a number")
        .port()
        .to_string();
    let ended = run(["get", "--timeout", "300ms", "127.0.0.1", &port, "/"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.starts_with("belljar: "), "{ended:?}");
}

#[test]
fn nobody_there() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener
            .local_addr()
            .expect("the port has a number")
            .port()
            .to_string()
    };
    let ended = get(&["127.0.0.1", &port, "/"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains(&port), "{}", ended.stderr);
}

#[test]
fn what_is_no_place_is_refused() {
    for arguments in [
        &[][..],
        &["127.0.0.1", "8080"],
        &["127.0.0.1", "port", "/"],
        &["127.0.0.1", "99999", "/"],
        &["https://localhost/"],
        &["localhost"],
        &["http://"],
        &["127.0.0.1", "8080", "/a\r\nX: y"],
        &["127.0.0.1", "8080", "/", "more"],
    ] {
        let ended = get(arguments);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert!(
            !ended.stderr.is_empty() && !ended.stderr.contains("panicked"),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_large_answer_is_shown_byte_for_byte() {
    let site = Site::new(&[]);
    let content: String = (0..200_000)
        .map(|number| format!("{number:07}\n"))
        .collect();
    site.write("large.txt", content.as_bytes());
    let server = Server::of_site(&site);
    let ended = get(&[&format!("{}/large.txt", server.url.trim_end_matches('/'))]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended
            .stdout
            .split_once("\r\n\r\n")
            .is_some_and(|(_, body)| body == content),
        "the content differs"
    );
}

fn get(arguments: &[&str]) -> Ended {
    run(["get"].iter().chain(arguments))
}

/// A server that answers its first request with `script`, in two pieces, and closes. Its port, and the request's head.
fn say_once(script: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener
        .local_addr()
        .expect("the port has a number")
        .port()
        .to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client comes");
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1)
        {
            request.push(byte[0]);
        }
        let (first, second) = script.split_at(script.len() / 2);
        let _ = stream
            .write_all(first.as_bytes())
            .and_then(|()| stream.flush());
        let _ = stream.write_all(second.as_bytes());
        String::from_utf8_lossy(&request).into_owned()
    });
    (port, server)
}
