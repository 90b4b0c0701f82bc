//! `belljar get` against this server, and against servers that send broken, endless or no responses.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::support::{Ended, Server, Site, run};

#[test]
fn prints_status_line_headers_and_body() {
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
    // Redirects are not followed.
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
fn exit_status_reflects_the_response() {
    // The response, the exit status, and the end of the output.
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
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            0,
            "\r\n\r\nok",
        ),
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            0,
            "\r\n\r\n",
        ),
        (
            "HTTP/1.1 299 Own Reason\r\nX-Mixed: Case\r\nContent-Length: 0\r\n\r\n",
            0,
            "HTTP/1.1 299 Own Reason\r\nx-mixed: Case\r\ncontent-length: 0\r\n\r\n",
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
        // Broken responses, which are reported as such.
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
        ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", 1, ""),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
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
        let (port, request) = respond_once(script);
        let ended = get(&["127.0.0.1", &port, "/path?query"]);
        assert_eq!(ended.code, Some(code), "{script:?}: {ended:?}");
        assert!(ended.stdout.ends_with(shown), "{script:?}: {ended:?}");
        // Only a broken response gives an error message.
        let broken = code == 1 && shown.is_empty();
        assert_eq!(
            ended.stderr.starts_with("belljar: "),
            broken,
            "{script:?}: {ended:?}"
        );
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        let request = request.join().expect("the server got a request");
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

/// A response without an end must be given up before it fills the memory.
#[test]
fn fails_on_endless_responses() {
    // Only zeros before the size of a chunk take the whole timeout: they need no memory, so hyper reads on.
    for (name, timeout, beginning, rest, message) in [
        (
            "head",
            "10s",
            "HTTP/1.1 200 OK\r\n",
            "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
            "the response head is larger",
        ),
        (
            "field",
            "10s",
            "HTTP/1.1 200 OK\r\nX: ",
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
            "the response head is larger",
        ),
        (
            "interim responses",
            "10s",
            "",
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
            "interim",
        ),
        (
            "another protocol",
            "10s",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "\0\0\0\0",
            "protocol",
        ),
        (
            "chunk size",
            "1s",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "0000000000000000000000000000",
            "the response body is incomplete",
        ),
        (
            "trailers",
            "10s",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
            "malformed",
        ),
        (
            "empty lines",
            "10s",
            "",
            "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
            "the response head is larger",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener
            .local_addr()
            .expect("the listener has an address")
            .port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the client connects");
            read_head(&mut stream);
            let rest = rest.repeat(200);
            let mut sent = stream.write_all(beginning.as_bytes());
            while sent.is_ok() {
                sent = stream.write_all(rest.as_bytes());
            }
        });
        let ended = get(&["--timeout", timeout, "127.0.0.1", &port.to_string(), "/"]);
        assert_eq!(ended.code, Some(1), "{name}: {ended:?}");
        assert!(ended.stderr.contains(message), "{name}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{name}: {}", ended.stderr);
        server
            .join()
            .expect("the server ends when its client closes");
    }
}

/// A server that accepts the connection and sends nothing must not block the command for ever.
#[test]
fn fails_when_the_server_stays_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener
        .local_addr()
        .expect("the listener has an address")
        .port()
        .to_string();
    let ended = run(["get", "--timeout", "300ms", "127.0.0.1", &port, "/"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.starts_with("belljar: "), "{ended:?}");
}

#[test]
fn fails_when_the_connection_is_refused() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener
            .local_addr()
            .expect("the listener has an address")
            .port()
            .to_string()
    };
    let ended = get(&["127.0.0.1", &port, "/"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains(&port), "{}", ended.stderr);
}

#[test]
fn rejects_invalid_arguments() {
    for arguments in [
        &[][..],
        &["127.0.0.1", "8080"],
        &["127.0.0.1", "port", "/"],
        &["127.0.0.1", "99999", "/"],
        &["https://localhost/"],
        &["localhost"],
        &["http://"],
        &["127.0.0.1", "8080", "/a b"],
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
fn prints_a_large_body_unchanged() {
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

/// Answers one request with `script`, in two pieces, and closes. Returns the port, and a thread that returns the request
/// head.
fn respond_once(script: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener
        .local_addr()
        .expect("the listener has an address")
        .port()
        .to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        let request = read_head(&mut stream);
        let (first, second) = script.split_at(script.len() / 2);
        let _ = stream
            .write_all(first.as_bytes())
            .and_then(|()| stream.flush());
        let _ = stream.write_all(second.as_bytes());
        request
    });
    (port, server)
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}
