//! Tests of `--rate` and `--client-rate`, which limit all requests and those of each client. The rates are per hour, so
//! that no new request is allowed while a test runs.

use crate::support::{Client, Response, Server, post};

#[test]
fn answers_a_burst_and_refuses_the_next_request() {
    for (arguments, burst) in [
        (["--rate", "3/h"], 3),
        (["--rate", "3/h burst 5"], 5),
        (["--client-rate", "60/h burst 2"], 2),
    ] {
        let server = started(&arguments);
        let mut client = server.connect();
        for _ in 0..burst {
            assert_eq!(client.get("/hello").text(), "hello\n", "{arguments:?}");
        }
        for _ in 0..3 {
            assert_refused(&client.get("/hello"));
        }
        assert_refused(&server.get("/hello"));
    }
}

#[test]
fn rounds_retry_after_up_to_whole_seconds() {
    for (rate, seconds) in [
        ("1/h", 3_540..=3_600),
        ("1/min", 1..=60),
        ("3/s burst 1", 1..=1),
    ] {
        let server = started(&["--rate", rate]);
        let mut client = server.connect();
        // The third rate allows new requests while the test runs.
        let refused = (0..1_000)
            .map(|_| client.get("/hello"))
            .find(|answer| answer.status != 200);
        let wait: u64 = assert_refused(&refused.expect("a request is refused"));
        assert!(seconds.contains(&wait), "{rate}: {wait}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn limits_each_client_on_its_own() {
    let server = started(&["--client-rate", "2/h", "--rate", "5/h"]);
    for (source, answered) in [
        ([127, 0, 0, 2], 2),
        ([127, 0, 0, 3], 2),
        ([127, 0, 0, 4], 1),
    ] {
        let passing = (0..4)
            .map(|_| Client::connect_from(source, server.address).get("/hello"))
            .filter(|answer| answer.status == 200);
        assert_eq!(passing.count(), answered, "{source:?}");
    }
    server.wait_for_log("the refusal by --client-rate", |line| {
        line.contains("2/h (client-rate)")
    });
    server.wait_for_log("the refusal by --rate", |line| line.contains("5/h (rate)"));
}

/// The only instance is busy. Refused requests must not wait for it.
#[test]
fn refused_requests_wait_for_no_instance() {
    let server = started(&[
        "--rate",
        "1/h",
        "--max-instances",
        "1",
        "--queue-timeout",
        "10min",
    ]);
    let mut reading = server.connect();
    let fields = [("Content-Length", "5"), ("Expect", "100-continue")];
    reading.send(crate::support::head("POST", "/echo", &fields));
    assert_eq!(reading.response().status, 100);
    for _ in 0..3 {
        assert_refused(&server.get("/hello"));
    }
    reading.send("hello");
    assert_eq!(reading.response().text(), "hello");
}

/// The connection stays usable after a refusal, even if the request had a body.
#[test]
fn keeps_the_connection_open_after_a_refusal() {
    let server = started(&["--rate", "1/h"]);
    let mut client = server.connect();
    assert_eq!(client.get("/hello").status, 200);
    for _ in 0..3 {
        client.send(post("/echo", b"content"));
        assert_refused(&client.response());
    }
}

#[test]
fn rejects_malformed_rates() {
    for rate in [
        "",
        "5",
        "0/s",
        "5/fortnight",
        "5/s burst",
        "5/s burst 0",
        "-1/s",
        "99999999999/s",
    ] {
        let flag = format!("--rate={rate}");
        let ended = crate::support::run(["serve", &flag, "--listen", "127.0.0.1:0"]);
        assert_eq!(ended.code, Some(2), "{rate:?}");
        assert!(ended.stderr.contains("100/s"), "{rate:?}: {}", ended.stderr);
    }
}

fn started(arguments: &[&str]) -> Server {
    let mut options = Server::options().handler("untrusted");
    for argument in arguments {
        options = options.arg(argument);
    }
    options.start()
}

/// Checks a refusal and returns its Retry-After in seconds.
#[track_caller]
fn assert_refused(answer: &Response) -> u64 {
    assert_eq!(answer.status, 429, "{}", answer.head);
    assert!(!answer.closes(), "{}", answer.head);
    let wait: u64 = answer
        .need("retry-after")
        .parse()
        .expect("the value is a number");
    assert!(wait >= 1);
    wait
}
