//! Tests of the syntax of requests.
//!
//! Every input is sent twice: in one piece, and byte by byte. A second request follows each input that must be refused.
//! The server must not answer it, because an attacker could have smuggled it.

use crate::support::{Response, Server, head, shown};

/// Transfer-Encoding must be a single `chunked` (RFC 9112, section 6.1).
#[test]
fn rejects_transfer_encoding_other_than_chunked() {
    for lines in [
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding:",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked gzip",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding:",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked\x0c",
        "Transfer-Encoding: \u{a0}chunked",
    ] {
        refused(
            400,
            &format!("POST /echo HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n0\r\n\r\n"),
        );
    }
    for value in ["chunked", "Chunked", "CHUNKED", "\tchunked ", ""] {
        // The empty value stands for a request without a body.
        let line = if value.is_empty() {
            String::new()
        } else {
            format!("Transfer-Encoding:{value}\r\n")
        };
        let body = if value.is_empty() {
            ""
        } else {
            "5\r\nhello\r\n0\r\n\r\n"
        };
        let expected = if value.is_empty() { "" } else { "hello" };
        let request = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\n{line}\r\n{body}");
        accepted(&request, |answer| {
            assert_eq!(answer.text(), expected, "{value:?}")
        });
    }
}

/// A request with both fields is the classic attack of request smuggling.
#[test]
fn rejects_content_length_with_transfer_encoding() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nX: y\r\nContent-Length: 0",
    ] {
        refused(
            400,
            &format!("POST /echo HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n0\r\n\r\n"),
        );
    }
}

#[test]
fn rejects_transfer_encoding_in_http_1_0() {
    refused(
        400,
        "POST /echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    refused(
        400,
        "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
}

/// RFC 9112, section 6.3: if Content-Length is not a plain number, the end of the body is unknown.
#[test]
fn rejects_malformed_or_repeated_content_length() {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\ncontent-length: 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: -0",
        "Content-Length: 0x5",
        "Content-Length: 5, 5",
        "Content-Length: 5,",
        "Content-Length: ,5",
        "Content-Length: 5 5",
        "Content-Length: 5;",
        "Content-Length: 5.0",
        "Content-Length: 1e1",
        "Content-Length: 1_0",
        "Content-Length: five",
        "Content-Length: \"5\"",
        "Content-Length:",
        "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999999",
        "Content-Length: 5\x0b",
        "Content-Length: \u{665}",
    ] {
        refused(
            400,
            &format!("POST /echo HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\nhello"),
        );
    }
    // The largest number is well-formed, but exceeds the maximum size of a body.
    refused(
        413,
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551615\r\n\r\n",
    );
    accepted(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: \t5 \r\n\r\nhello",
        |answer| {
            assert_eq!(answer.text(), "hello");
        },
    );
}

#[test]
fn accepts_http_1_0_and_1_1_only() {
    for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.1", "HTTP/9.9"] {
        refused(
            505,
            &format!("GET /hello {version}\r\nHost: localhost\r\n\r\n"),
        );
    }
    for version in [
        "http/1.1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/11",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/-1.1",
        "HTTP/a.b",
        "HTP/1.1",
        "HTTPS/1.1",
        "HTTP/1.1 ",
        " HTTP/1.1",
        "HTTP /1.1",
        "HTTP/1.1x",
        "HTTP/1,1",
        "HTTP/1.1\t",
        "1.1",
    ] {
        refused(
            400,
            &format!("GET /hello {version}\r\nHost: localhost\r\n\r\n"),
        );
    }
    refused(400, "GET /hello\r\nHost: localhost\r\n\r\n");
    accepted("GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n", |answer| {
        assert_eq!(answer.status, 200)
    });
}

#[test]
fn rejects_connect_and_trace() {
    for request in [
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "TRACE /hello HTTP/1.1\r\nHost: localhost\r\nCookie: secret=1\r\n\r\n",
    ] {
        each_way(request, |answer| {
            assert_eq!(answer.status, 405, "{request}");
            assert!(!answer.list("allow").is_empty(), "{}", answer.head);
            assert!(
                !answer.text().contains("secret"),
                "TRACE must not reflect the request"
            );
        });
    }
}

#[test]
fn answers_options_for_the_whole_server() {
    each_way("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", |answer| {
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert!(
            answer.list("allow").contains(&"get".to_owned()),
            "{}",
            answer.head
        );
    });
}

#[test]
fn rejects_targets_other_than_paths_and_urls() {
    for (method, target) in [
        ("GET", "*"),
        ("POST", "*"),
        ("GET", "hello"),
        ("GET", "?x=1"),
        ("GET", "localhost/hello"),
        ("GET", "localhost:80"),
        ("GET", "./hello"),
        ("GET", "\\hello"),
        ("GET", "http:/hello"),
        ("GET", "http:///hello"),
        ("GET", "://localhost/hello"),
        ("GET", "http://user@localhost/hello"),
        ("GET", "http://user:word@localhost/hello"),
        ("GET", "http://localhost:port/hello"),
        ("GET", "http://[::1/hello"),
        ("GET", "http://a,b/hello"),
        ("GET", "http://:80/hello"),
        ("GET", "/hello there"),
        ("OPTIONS", "**"),
    ] {
        refused(
            400,
            &format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        );
    }
}

/// RFC 9112, section 3.2.2: the authority of the target replaces the Host field.
#[test]
fn prefers_an_absolute_target_over_host() {
    for (target, authority, path, query) in [
        (
            "http://other.example/headers",
            "other.example",
            "/headers",
            "(none)",
        ),
        (
            "http://other.example:81/headers/a%20b?x=1",
            "other.example:81",
            "/headers/a%20b",
            "x=1",
        ),
        (
            "HTTP://other.example/headers?",
            "other.example",
            "/headers",
            "",
        ),
        (
            "http://[::1]:81/headers?a=http://b/?c",
            "[::1]:81",
            "/headers",
            "a=http://b/?c",
        ),
    ] {
        accepted(
            &format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            |answer| {
                assert_eq!(seen(answer, "authority"), authority, "{target}");
                assert_eq!(seen(answer, "path"), path, "{target}");
                assert_eq!(seen(answer, "query"), query, "{target}");
            },
        );
    }
    // An empty path means `/`, for which the handler has no answer.
    for target in ["http://other.example", "http://other.example?x=1"] {
        each_way(
            &format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            |answer| {
                assert_eq!(answer.text(), "no such attack\n", "{target}");
            },
        );
    }
    refused(400, "GET http://other.example/hello HTTP/1.1\r\n\r\n");
}

/// RFC 9112, section 3.2.
#[test]
fn rejects_missing_repeated_or_malformed_host() {
    for lines in [
        "",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: localhost\r\nhost: other.example\r\n",
        "Host:\r\n",
        "Host: \t \r\n",
        "Host: user@localhost\r\n",
        "Host: user:word@localhost\r\n",
        "Host: localhost/path\r\n",
        "Host: /\r\n",
        "Host: http://localhost\r\n",
        "Host: localhost?x\r\n",
        "Host: localhost#x\r\n",
        "Host: localhost\\x\r\n",
        "Host: a,b\r\n",
        "Host: a, b\r\n",
        "Host: a b\r\n",
        "Host: localhost:port\r\n",
        "Host: localhost:80:80\r\n",
        "Host: localhost:-1\r\n",
        "Host: localhost:+80\r\n",
        "Host: localhost:65536\r\n",
        "Host: localhost:8 0\r\n",
        "Host: :80\r\n",
        "Host: ::1\r\n",
        "Host: [::1\r\n",
        "Host: ::1]\r\n",
        "Host: []\r\n",
        "Host: [zz]\r\n",
        "Host: [1::2::3]\r\n",
        "Host: [1:2:3:4:5:6:7:8:9]\r\n",
        "Host: [::1]x\r\n",
        "Host: [::1]:port\r\n",
        "Host: [::1]:65536\r\n",
        "Host: <localhost>\r\n",
        "Host: \"localhost\"\r\n",
        "Host: b\u{fc}cher.example\r\n",
    ] {
        refused(400, &format!("GET /hello HTTP/1.1\r\n{lines}\r\n"));
    }
    for host in [
        "localhost",
        "localhost:8080",
        "LOCALHOST",
        "127.0.0.1",
        "127.0.0.1:80",
        "[::1]",
        "[::1]:80",
        "[2001:db8::7]",
        "a-b.c_d.example",
        "xn--bcher-kva.example:65535",
    ] {
        accepted(
            &format!("GET /headers HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            |answer| {
                assert_eq!(
                    seen(answer, "authority").to_ascii_lowercase(),
                    host.to_ascii_lowercase()
                );
            },
        );
    }
    accepted("GET /headers HTTP/1.0\r\n\r\n", |answer| {
        assert_eq!(seen(answer, "authority"), "(none)")
    });
    refused(400, "GET /hello HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n");
}

#[test]
fn rejects_malformed_lines_and_fields() {
    for request in [
        "GET /hello HTTP/1.1\nHost: localhost\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: y\nZ: a\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\n\n",
        "GET /hello HTTP/1.1\nHost: localhost\n\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\r\n\r\n",
        "GET /hello HTTP/1.1\r\n Host: localhost\r\n\r\n",
        "GET /hello HTTP/1.1\r\n X: y\r\nHost: localhost\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX\t: y\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\n: y\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX(y): z\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX y: z\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX\u{e9}: z\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX\0: z\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: a\x01b\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: a\x08\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: a\x0bb\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: \x1b[31m\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: a\x7f\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
        "GET /hello HTTP/1.1\rHost: localhost\r\n\r\n",
        "GET  /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /hello  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET\t/hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
        " GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
        " /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "G@T /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "G\0T /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        refused(400, request);
    }
}

/// A value may contain HTAB and bytes from 0x80 on. Surrounding white space does not belong to it.
#[test]
fn delivers_field_values_as_bytes() {
    let request = b"GET /headers HTTP/1.1\r\nHost: localhost\r\nX-Bytes: \t a\tb\x80\xff \t\r\nX-None:\r\n\r\n";
    for bytewise in [false, true] {
        let answer = answer_to(request, bytewise);
        let wanted = b"\nx-bytes: a\tb\x80\xff\nx-none: \n";
        let found = answer
            .body
            .windows(wanted.len())
            .any(|bytes| bytes == wanted);
        assert!(found, "{}", shown(&answer.body));
    }
}

#[test]
fn rejects_targets_with_bytes_other_than_visible_ascii() {
    for target in [
        "/hello#x",
        "/hello?a#b",
        "/h\u{e9}llo",
        "/hello?\u{e9}",
        "/h\x01llo",
        "/hello\x7f",
        "/h\x0bllo",
        "/h\0llo",
    ] {
        refused(
            400,
            &format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        );
    }
    // The raw byte 0xff, which is not UTF-8.
    for bytewise in [false, true] {
        let answer = answer_to(
            b"GET /hello\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
            bytewise,
        );
        assert_eq!(answer.status, 400);
    }
    let target = "/headers/%41%2f/../b//./c;d=e";
    accepted(
        &format!("GET {target}?x=%20&y=?/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        |answer| {
            assert_eq!(seen(answer, "path"), target, "as sent");
            assert_eq!(seen(answer, "query"), "x=%20&y=?/", "as sent");
        },
    );
}

#[test]
fn ignores_a_few_empty_lines_before_a_request() {
    for lines in ["\r\n", "\r\n\r\n"] {
        accepted(
            &format!("{lines}GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            |answer| {
                assert_eq!(answer.text(), "hello\n");
            },
        );
    }
    // Many empty lines are an attack. The server may answer the request or just close the connection.
    let server = Server::shared();
    let mut client = server.connect();
    client.send("\r\n".repeat(100_000) + "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    if let Ok(answer) = client.try_response(false) {
        assert!((400..500).contains(&answer.status), "{}", answer.head);
    }
    client.drain();
}

#[test]
fn treats_methods_as_case_sensitive_tokens() {
    for method in [
        "get",
        "M-SEARCH",
        "x!#$%&'*+-.^_`|~9",
        "PROPFIND",
        "connect",
    ] {
        accepted(&head(method, "/headers", &[]), |answer| {
            assert_eq!(seen(answer, "method"), method)
        });
    }
}

#[test]
fn ignores_upgrade() {
    for lines in [
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
    ] {
        accepted(
            &format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"),
            |answer| {
                assert_eq!(answer.text(), "hello\n");
                assert_eq!(answer.field("upgrade"), None);
            },
        );
    }
    let preface = answer_to(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false);
    assert!(matches!(preface.status, 400 | 505), "{}", preface.head);
}

/// The handler sees the fields in the order sent, with names in lower case and without those of the connection.
#[test]
fn hides_connection_fields_from_the_handler() {
    let request = "GET /headers HTTP/1.1\r\nHost: localhost\r\nCONNECTION: Keep-Alive, X-Hop\r\nKeep-Alive: 5\r\n\
         Proxy-Connection: close\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n\
         X-Twice: 1\r\nContent-Length: 2\r\nx-twice: 2\r\n\r\nok";
    accepted(request, |answer| {
        let text = answer.text();
        let (_, lines) = text
            .split_once("\n\n")
            .expect("an empty line before the fields");
        assert_eq!(
            lines,
            "host: localhost\nx-twice: 1\ncontent-length: 2\nx-twice: 2\n"
        );
        assert_eq!(seen(answer, "body"), "present");
        assert_eq!(seen(answer, "scheme"), "http");
        assert!(seen(answer, "client").starts_with("127.0.0.1:"));
    });
    accepted(
        "GET /headers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        |answer| {
            assert_eq!(seen(answer, "body"), "(none)");
        },
    );
}

/// Checks that `request` is refused with `status` and the connection closed, so that a request after it is not
/// answered.
fn refused(status: u16, request: &str) {
    let server = Server::shared();
    let smuggled = head("GET", "/hello", &[]);
    for bytewise in [false, true] {
        let way = if bytewise {
            "byte by byte"
        } else {
            "in one piece"
        };
        let mut client = server.connect();
        let bytes = [request.as_bytes(), smuggled.as_bytes()].concat();
        if bytewise {
            client.send_bytewise(&bytes)
        } else {
            client.send(&bytes)
        }
        match client.try_response(false) {
            Ok(answer) => {
                assert_eq!(
                    answer.status,
                    status,
                    "{way}: {}",
                    shown(request.as_bytes())
                );
                assert!(
                    answer.closes(),
                    "{way}: {}: {}",
                    shown(request.as_bytes()),
                    answer.head
                );
            }
            Err(broken) => panic!("{way}: {}: {broken:?}", shown(request.as_bytes())),
        }
        client.assert_closed(&shown(request.as_bytes()));
    }
}

/// Checks that `request` is answered with 200, whether sent in one piece or byte by byte.
fn accepted(request: &str, check: impl Fn(&Response)) {
    each_way(request, |answer| {
        assert_eq!(answer.status, 200, "{}", shown(request.as_bytes()));
        check(answer);
    });
}

fn each_way(request: &str, check: impl Fn(&Response)) {
    check(&answer_to(request.as_bytes(), false));
    check(&answer_to(request.as_bytes(), true));
}

fn answer_to(request: &[u8], bytewise: bool) -> Response {
    let server = Server::shared();
    let mut client = server.connect();
    if bytewise {
        client.send_bytewise(request)
    } else {
        client.send(request)
    }
    client.response_to(request)
}

/// The value of one line in the output of `/headers`, which reports what the handler saw.
fn seen<'a>(answer: &'a Response, what: &str) -> &'a str {
    let body = std::str::from_utf8(&answer.body).expect("the report is text");
    let line = body
        .lines()
        .find_map(|line| line.strip_prefix(what)?.strip_prefix(' ').or(Some("")));
    line.unwrap_or_else(|| panic!("no {what} in {body}"))
}
