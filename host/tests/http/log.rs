//! Tests of the log: its size is bounded whatever clients and handlers do, and it names the limits.

use crate::support::{Server, ServerOptions, head, post, post_chunked};

/// Five lines of each kind, and none later.
fn five_lines(options: ServerOptions) -> ServerOptions {
    options.arg("--log-rate").arg("1/h burst 5")
}

fn untrusted() -> ServerOptions {
    Server::options().handler("untrusted")
}

fn count(server: &Server, text: &str) -> usize {
    let log = server.log();
    log.lines().filter(|line| line.contains(text)).count()
}

#[test]
fn bounds_the_lines_about_failures_of_a_handler() {
    let server = five_lines(untrusted()).start();
    for _ in 0..20 {
        assert_eq!(server.get("/trap").status, 500);
    }
    let line = server.wait_for_log("their number", |line| line.contains("left out"));
    assert!(
        line.contains("such as: the handler trapped") && line.contains("handler="),
        "{line}"
    );
    // A line with a long backtrace counts as several.
    let lines = count(&server, "ERROR");
    assert!((1..=5).contains(&lines), "{}", server.log());
    // Each request has its line in the access log.
    assert_eq!(count(&server, "\"GET /trap HTTP/1.1\" 500 "), 20);
}

#[test]
fn bounds_the_lines_about_refused_requests() {
    let server = five_lines(untrusted()).start();
    for _ in 0..20 {
        assert_eq!(server.exchange(b"GET x HTTP/1.1\r\n\r\n").status, 400);
    }
    let line = server.wait_for_log("their number", |line| line.contains("left out"));
    assert!(line.contains("the request target is malformed"), "{line}");
    // One line for each, with the reason.
    assert_eq!(count(&server, "\"-\" 400 "), 5, "{}", server.log());
    assert_eq!(count(&server, "the request target is malformed\""), 5);
    // Other kinds of lines have a rate of their own.
    assert_eq!(server.exchange(b"GET / HTTP/1.1\r\n\r\n").status, 400);
    server.wait_for_log("another reason", |line| {
        line.contains("the Host field is missing\"")
    });
}

/// The output of a handler is empty lines, which take much more of the log than of the output.
#[test]
fn bounds_the_output_of_a_handler_over_all_requests() {
    let server = untrusted().args("--log-output 1KiB").start();
    for _ in 0..30 {
        assert_eq!(server.get("/print-lines?n=65536").status, 200);
    }
    server.wait_for_log("the number of lines", |line| {
        line.contains("left out") && line.contains("log-output")
    });
    let length = server.log().len();
    assert!(length < 200_000, "{length} bytes of log");
    // The whole number is told, however often.
    let log = server.log();
    let told = |line: &str| -> Option<u64> {
        let (number, _) = line.split_once(" lines left out")?;
        number.rsplit(' ').next()?.parse().ok()
    };
    let told: u64 = log.lines().filter_map(told).sum();
    assert!(told > 10_000, "{told} lines left out:\n{log}");
}

#[test]
fn a_refused_request_is_one_line_that_names_the_limit() {
    let server = untrusted().args("--max-body 10 --max-head 1KiB").start();
    server.wait_for_log("the start", |line| line.contains("live: "));
    let chunked = b"b\r\n01234567890\r\n0\r\n\r\n";
    let long = format!("/{}", "x".repeat(2000));
    for (request, expected) in [
        (
            post("/echo?a", &[b'x'; 11]),
            ["\"POST /echo?a HTTP/1.1\" 413 ", "(--max-body)"],
        ),
        (
            post_chunked("/echo?b", chunked),
            ["\"POST /echo?b HTTP/1.1\" 413 ", "(--max-body)"],
        ),
        (
            head("GET", &long, &[]).into_bytes(),
            ["\"-\" 414 ", "(--max-head)"],
        ),
        (
            head("GET", "/", &[("X", &long)]).into_bytes(),
            ["\"-\" 431 ", "(--max-head)"],
        ),
    ] {
        let before = server.log().lines().count();
        server.exchange(&request);
        server.wait_for_log("the request", |line| {
            expected.iter().all(|part| line.contains(part))
        });
        let log = server.log();
        let lines: Vec<_> = log.lines().skip(before).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
    }
}

/// With `-v`, the reason stands between the heads.
#[test]
fn the_verbose_log_has_the_reason_of_a_refusal() {
    let server = untrusted().args("-v --max-body 10").start();
    assert_eq!(server.exchange(&post("/echo", &[b'x'; 11])).status, 413);
    server.wait_for_log("the response", |line| line.starts_with("< HTTP/1.1 413"));
    let log = server.log();
    assert!(log.contains("> POST /echo HTTP/1.1"), "{log}");
    assert!(log.contains("\n* the body exceeds"), "{log}");
}
