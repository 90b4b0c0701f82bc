//! Tests of request heads: which are accepted, and which status the others get.

use super::*;

#[tokio::test(start_paused = true)]
async fn answers_well_formed_requests() {
    for head in [
        "GET / HTTP/1.1\r\nHost: h",
        "GET / HTTP/1.1\r\nhOST:h:80",
        "GET /a?b HTTP/1.1\r\nHost: [::1]:80",
        "GET http://other:80/x HTTP/1.1\r\nHost: h",
        "GET HTTP://other HTTP/1.1\r\nHost: h",
        "BREW /pot HTTP/1.1\r\nHost: h",
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade",
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings",
        "GET / HTTP/1.1\r\nHost: h\r\nX: \u{e9}\t\u{ff}",
        "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0",
        "OPTIONS /x HTTP/1.1\r\nHost: h",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: h",
        "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h",
    ] {
        assert_eq!(
            summary(&format!("{head}\r\n\r\n")).await,
            "200, 200",
            "{head:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn answers_connect_trace_and_options_itself() {
    for (line, expected) in [
        ("CONNECT example.com:443 HTTP/1.1", "405, 200"),
        ("CONNECT / HTTP/1.1", "405, 200"),
        ("TRACE / HTTP/1.1", "405, 200"),
        ("OPTIONS * HTTP/1.1", "204, 200"),
        ("OPTIONS http://h HTTP/1.1", "204, 200"),
        ("trace / HTTP/1.1", "200, 200"),
    ] {
        let head = format!("{line}\r\nHost: h\r\n\r\n");
        assert_eq!(summary(&head).await, expected, "{line}");
        let first = &responses(&head).await[0];
        assert_eq!(
            first.field("allow").is_some(),
            first.status != 200,
            "{line}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn rejects_malformed_heads_and_closes() {
    let long = "x".repeat(40_000);
    let many = "a: b\r\n".repeat(127);
    for (head, expected) in [
        // The request line.
        ("GET /\r\nHost: h", "400"),
        ("GET  / HTTP/1.1\r\nHost: h", "400"),
        ("GET / HTTP/1.1 \r\nHost: h", "400"),
        (" GET / HTTP/1.1\r\nHost: h", "400"),
        ("G@T / HTTP/1.1\r\nHost: h", "400"),
        ("\0", "400"),
        ("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h", "400"),
        ("\rGET / HTTP/1.1\r\nHost: h", "400"),
        ("\nGET / HTTP/1.1\r\nHost: h", "400"),
        // The version.
        ("GET / HTTP/2.0\r\nHost: h", "505"),
        ("GET / HTTP/1.2\r\nHost: h", "505"),
        ("GET / HTTP/0.9\r\nHost: h", "505"),
        ("PRI * HTTP/2.0", "505"),
        ("GET / HTTP/1.1.1\r\nHost: h", "400"),
        ("GET / HTTP/one\r\nHost: h", "400"),
        ("GET / http/1.1\r\nHost: h", "400"),
        ("GET / HTTP/11\r\nHost: h", "400"),
        // The target.
        ("GET * HTTP/1.1\r\nHost: h", "400"),
        ("GET a HTTP/1.1\r\nHost: h", "400"),
        ("GET example.com:80 HTTP/1.1\r\nHost: h", "400"),
        ("GET ftp://h/ HTTP/1.1\r\nHost: h", "400"),
        ("GET http:/// HTTP/1.1\r\nHost: h", "400"),
        ("GET http://u:p@h/ HTTP/1.1\r\nHost: h", "400"),
        ("GET /\u{e4} HTTP/1.1\r\nHost: h", "400"),
        ("GET /#a HTTP/1.1\r\nHost: h", "400"),
        ("GET /\x01 HTTP/1.1\r\nHost: h", "400"),
        ("GET /\x7f HTTP/1.1\r\nHost: h", "400"),
        ("GET /\ta HTTP/1.1\r\nHost: h", "400"),
        // Host.
        ("GET / HTTP/1.1", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nHost: h", "400"),
        ("GET / HTTP/1.1\r\nHost:", "400"),
        ("GET / HTTP/1.1\r\nHost: u@h", "400"),
        ("GET / HTTP/1.1\r\nHost: h/p", "400"),
        ("GET / HTTP/1.1\r\nHost: h, i", "400"),
        ("GET / HTTP/1.1\r\nHost: h:x", "400"),
        ("GET / HTTP/1.1\r\nHost: h:99999", "400"),
        ("GET / HTTP/1.1\r\nHost: [::1", "400"),
        ("GET / HTTP/1.1\r\nHost: [::x]", "400"),
        ("GET http://h/ HTTP/1.1", "400"),
        ("GET http://h/ HTTP/1.1\r\nHost: h i", "400"),
        ("GET / HTTP/1.0\r\nHost: h i", "400"),
        // Lines and fields.
        ("GET / HTTP/1.1\nHost: h", "400"),
        ("GET / HTTP/1.1\r\nHost: h\nX: y", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb", "400"),
        ("GET / HTTP/1.1\r\nHost : h", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\0b", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\rb", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nX\0: b", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\n: b", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nX", "400"),
        // Lengths of the body.
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nTransfer-Encoding: chunked",
            "400",
        ),
        (
            "POST /echo HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +5",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -0",
            "400",
        ),
        ("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length:", "400"),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551616",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615",
            "413",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 67108865",
            "413",
        ),
        // Expectations.
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 200-maybe",
            "417",
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue, more",
            "417",
        ),
        // Size.
        (&format!("GET /{long} HTTP/1.1\r\nHost: h"), "414"),
        (&format!("{long} / HTTP/1.1\r\nHost: h"), "414"),
        (&format!("GET / HTTP/1.1\r\nHost: h\r\nX: {long}"), "431"),
        (&format!("GET / HTTP/1.1\r\nHost: h\r\n{long}"), "431"),
        (&format!("GET / HTTP/1.1\r\nHost: h\r\n{many}c: d"), "431"),
    ] {
        assert_eq!(
            summary(&format!("{head}\r\n\r\n")).await,
            format!("{expected} close"),
            "{head:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_may_be_as_long_as_the_limit() {
    let limits = Limits {
        max_head: 100,
        ..Limits::default()
    };
    for (length, expected) in [(99, "200"), (100, "200"), (101, "431 close")] {
        let start = "GET / HTTP/1.0\r\nx: ";
        let head = format!("{start}{}\r\n\r\n", "y".repeat(length - start.len() - 4));
        assert_eq!(head.len(), length);
        let responses = responses_within(&head, &limits).await;
        assert!(summarise(&responses).starts_with(expected), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn keeps_the_connection_as_the_client_asks() {
    for (head, expected) in [
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: close",
            "200 close",
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: x, CLOSE",
            "200 close",
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive",
            "200, 200",
        ),
        ("GET / HTTP/1.0", "200 close"),
        ("GET / HTTP/1.0\r\nHost: h", "200 close"),
        (
            "GET / HTTP/1.0\r\nConnection: Keep-Alive",
            "200 keep-alive, 200",
        ),
        (
            "GET /nothing HTTP/1.0\r\nConnection: keep-alive",
            "204 keep-alive, 200",
        ),
        (
            "GET /stream HTTP/1.0\r\nConnection: keep-alive",
            "200 close",
        ),
        (
            "GET /stream-known HTTP/1.0\r\nConnection: keep-alive",
            "200 keep-alive, 200",
        ),
    ] {
        assert_eq!(
            summary(&format!("{head}\r\n\r\n")).await,
            expected,
            "{head:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn answers_pipelined_requests_in_order() {
    let requests: String = (0..200)
        .map(|number| match number % 4 {
            0 => format!("GET /{number} HTTP/1.1\r\nHost: h\r\n\r\n"),
            1 => format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n{number:03}"),
            2 => format!("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{number:03}\r\n0\r\n\r\n\r\n"),
            _ => "POST /ignore HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /".into(),
        })
        .collect();
    let responses = responses_within(&requests, &Limits::default()).await;
    assert_eq!(responses.len(), 200);
    for (number, response) in responses.iter().enumerate() {
        let expected = match number % 4 {
            0 => format!("GET /{number}"),
            3 => "ignored".into(),
            _ => format!("{number:03}"),
        };
        assert_eq!(String::from_utf8_lossy(&response.body), expected);
    }
}

/// Sends requests with bytes changed, dropped and duplicated at random. The outcome must not depend on how the bytes
/// are split, every response must be complete, and nothing may panic or hang.
#[tokio::test(start_paused = true)]
async fn answers_damaged_requests_the_same_however_they_are_split() {
    let sound = "POST /echo?a=b HTTP/1.1\r\nHost: h:80\r\nTransfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n0\r\nt: u\r\n\r\n\
        POST http://h/echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello\
        GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n";
    let mut seed = 1u64;
    let mut random = move |below: usize| {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below
    };
    for _ in 0..400 {
        let mut bytes = sound.as_bytes().to_vec();
        for _ in 0..=random(2) {
            let at = random(bytes.len());
            match random(4) {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, bytes[at]),
                2 => bytes[at] = b"\r\n \t:;,0x\0\x80+-"[random(13)],
                _ => bytes[at] = random(256) as u8,
            }
        }
        let request = String::from_utf8_lossy(&bytes).into_owned();
        let whole = parse_all(
            &exchange(&bytes, bytes.len(), &Limits::default()).await,
            &request,
        );
        let split = parse_all(&exchange(&bytes, 1, &Limits::default()).await, &request);
        assert_eq!(split, whole, "{request:?}");
    }
}
