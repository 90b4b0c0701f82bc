//! Tests of the error pages of the default guest and of the server.

use crate::support::{Response, Server, Site, head};

#[test]
fn error_pages_state_their_length_and_reflect_nothing() {
    let site = Site::new(&[("file.txt", "content"), ("empty/x.txt", "")]);
    let server = Server::of_site(&site);
    for (method, target, fields, status) in [
        ("GET", "/reflected-by-mistake", &[][..], 404),
        (
            "GET",
            "/%3Cscript%3Ereflected-by-mistake%3C/script%3E",
            &[],
            404,
        ),
        ("GET", "/empty/?reflected-by-mistake", &[], 404),
        ("GET", "/reflected-by-mistake%zz", &[], 400),
        ("GET", "/reflected-by-mistake%00", &[], 400),
        (
            "POST",
            "/file.txt?reflected-by-mistake",
            &[("Content-Length", "0")],
            405,
        ),
        ("REFLECTED-BY-MISTAKE", "/file.txt", &[], 501),
        (
            "GET",
            "/file.txt?reflected-by-mistake",
            &[("Range", "bytes=99-")],
            416,
        ),
        (
            "GET",
            "/file.txt",
            &[("If-Match", "\"reflected-by-mistake\"")],
            412,
        ),
        (
            "GET",
            "/file.txt",
            &[("Expect", "reflected-by-mistake")],
            417,
        ),
        ("GET", "reflected-by-mistake", &[], 400),
        ("GET", "/file.txt", &[("reflected by mistake", "x")], 400),
        ("TRACE", "/reflected-by-mistake", &[], 405),
    ] {
        let fields = [
            fields,
            &[("Cookie", MARK), ("User-Agent", MARK), ("Referer", MARK)],
        ]
        .concat();
        let answer = server.request(method, target, &fields);
        assert_eq!(answer.status, status, "{method} {target}");
        let reflected = answer.text().to_ascii_lowercase().contains(MARK)
            || answer.head.to_ascii_lowercase().contains(MARK);
        assert!(
            !reflected,
            "{method} {target}: {} {}",
            answer.head,
            answer.text()
        );
        assert_self_delimited(&answer);
    }
    assert_eq!(server.get("/file.txt").text(), "content");
}

#[test]
fn sends_the_404_page_of_the_site() {
    let page = "<!doctype html><title>Lost</title>";
    let site = Site::new(&[
        ("404.html", page),
        ("file.txt", "content"),
        ("folder/page.html", "page"),
    ]);
    site.write("404.html.gz", b"coded page");
    let server = Server::of_site(&site);
    for target in [
        "/missing",
        "/missing.css",
        "/folder/missing",
        "/folder/",
        "/no/such/folder/",
        "/.env",
        "/file.txt/",
    ] {
        let answer = server.get(target);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (404, page),
            "{target}"
        );
        assert_eq!(
            answer.need("content-type"),
            "text/html; charset=utf-8",
            "{target}"
        );
        assert_self_delimited(&answer);
        let head = server.request("HEAD", target, &[]);
        assert_eq!(
            (head.status, head.need("content-length")),
            (404, page.len().to_string().as_str()),
            "{target}"
        );
    }
    // Conditions and ranges do not apply to missing files.
    for fields in [
        [("Range", "bytes=0-3")],
        [("If-None-Match", "*")],
        [("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT")],
    ] {
        let answer = server.request("GET", "/missing", &fields);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (404, page),
            "{fields:?}"
        );
    }
    // The page is not used for other errors.
    let other = server.get("/%zz");
    assert_eq!(other.status, 400);
    assert!(!other.text().contains("Lost"));
}

/// The server's own error responses have the same form.
#[test]
fn error_responses_of_the_server_have_the_same_form() {
    let server = Server::shared();
    for (request, status) in [
        (head("GET", "/trap", &[]), 500),
        (head("GET", "/crlf", &[]), 500),
        (
            "GET /hello HTTP/2.0\r\nHost: localhost\r\n\r\n".to_owned(),
            505,
        ),
        ("GET /hello HTTP/1.1\r\n\r\n".to_owned(), 400),
        (head("GET", &format!("/{}", "x".repeat(100_000)), &[]), 414),
        (head("GET", "/hello", &[("X", &"x".repeat(100_000))]), 431),
        (
            head("POST", "/echo", &[("Content-Length", "99999999999")]),
            413,
        ),
    ] {
        let answer = server.exchange(request.as_bytes());
        assert_eq!(answer.status, status);
        assert_self_delimited(&answer);
        assert!(
            !answer.text().contains("unreachable") && !answer.text().contains("wasm"),
            "{}",
            answer.text()
        );
    }
}

fn assert_self_delimited(answer: &Response) {
    assert_eq!(
        answer.need("content-length"),
        answer.body.len().to_string(),
        "{}",
        answer.head
    );
    assert_eq!(
        answer.need("x-content-type-options"),
        "nosniff",
        "{}",
        answer.head
    );
    assert!(
        answer.body.is_empty() || answer.field("content-type").is_some(),
        "{}",
        answer.head
    );
}

const MARK: &str = "reflected-by-mistake";
