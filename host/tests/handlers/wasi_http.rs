//! Handlers of wasi:http, 0.2 and 0.3: what they are given, what they may answer, and what their failures come to.

use crate::support::{Broken, Server, Site, head};

/// The same handler in both versions; see the folder guests.
const GUESTS: [&str; 2] = ["test_proxy", "test_service"];

fn started(guest: &str, arguments: &str) -> Server {
    Server::options().handler(guest).args(arguments).start()
}

/// A connection's task gives way after a share of work, and must not take what it is not shown then for missing.
#[test]
fn many_pipelined_requests_are_answered() {
    for guest in GUESTS {
        for arguments in ["", "--reuse 1000"] {
            let server = started(guest, arguments);
            let mut client = server.connect();
            client.send(head("GET", "/hello", &[]).repeat(300));
            for number in 0..300 {
                let answer = client.response();
                let got = (answer.status, answer.text());
                assert_eq!(got, (200, "hello\n".into()), "{guest} {arguments} {number}");
            }
        }
    }
}

/// A guest that is busy is let run tick by tick, which is no waiting: whatever the tick in which it ends, its body is whole.
#[test]
fn a_body_may_come_at_any_time() {
    let server = started("test_proxy", "");
    let mut client = server.connect();
    for turns in (0..200).map(|step| step * 100_000) {
        client.send(head("GET", &format!("/late?turns={turns}"), &[]));
        let answer = client.response();
        let got = (answer.status, answer.text());
        assert_eq!(got, (200, "late\n".into()), "{turns}: {}", server.log());
    }
}

#[test]
fn answers_are_sent_as_they_are_given() {
    for guest in GUESTS {
        let server = started(guest, "");
        let mut client = server.connect();
        for (method, target, status, length, body) in [
            ("GET", "/hello", 200, Some("6"), "hello\n"),
            ("HEAD", "/hello", 200, Some("6"), ""),
            ("GET", "/empty", 200, Some("0"), ""),
            ("HEAD", "/empty", 200, None, ""),
            ("GET", "/status?code=404&body=3", 404, Some("3"), "xxx"),
            ("GET", "/status?code=599", 599, Some("0"), ""),
            ("GET", "/status?code=204", 204, None, ""),
            ("GET", "/status?code=304&body=3", 304, None, ""),
            ("GET", "/length?declared=3&written=3", 200, Some("3"), "xxx"),
            (
                "GET",
                "/length?declared=3&written=3&pause=1",
                200,
                Some("3"),
                "xxx",
            ),
            ("HEAD", "/length?declared=3&written=3", 200, Some("3"), ""),
            ("HEAD", "/length?declared=7&written=0", 200, Some("7"), ""),
            (
                "HEAD",
                "/length?declared=7&written=0&pause=1",
                200,
                Some("7"),
                "",
            ),
            ("GET", "/trailers", 200, None, "content"),
            ("GET", "/trailers?pause=1", 200, None, "content"),
            ("DELETE", "/no/such/path", 404, Some("0"), ""),
        ] {
            let request = head(method, target, &[]);
            client.send(&request);
            let answer = client.response_to(request.as_bytes());
            let case = format!("{guest}: {method} {target}");
            assert_eq!(answer.status, status, "{case}: {}", server.log());
            assert_eq!(answer.field("content-length"), length, "{case}");
            assert_eq!(answer.text(), body, "{case}");
        }
    }
}

/// However much of it is gathered before it is sent, and whether its guest is at its end by then or not.
#[test]
fn bodies_of_any_length_are_sent_whole() {
    for guest in GUESTS {
        let server = started(guest, "");
        for length in [1, 65_535, 65_536, 65_537, 100_000, 131_073, 300_000] {
            let answer = server.get(&format!("/status?code=200&body={length}"));
            let found = (answer.status, answer.body.len());
            assert_eq!(found, (200, length), "{guest}: {}", server.log());
        }
    }
}

/// Framing, Date and Server are the host's.
#[test]
fn fields_are_sent_but_for_those_of_the_host() {
    for guest in GUESTS {
        let answer = started(guest, "").get("/fields");
        let own = |(name, _): &&(String, String)| {
            !["Server", "Date", "Content-Length"].contains(&name.as_str())
        };
        let mut fields: Vec<_> = answer.fields.iter().filter(own).cloned().collect();
        fields.sort();
        let expected = [("x-one", "1"), ("x-one", "3"), ("x-two", "2")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields, expected, "{guest}");
        assert_eq!(answer.need("server"), "belljar");
    }
}

#[test]
fn requests_are_given_as_they_came() {
    for guest in GUESTS {
        let server = started(guest, "");
        // Debug's form of a method and a scheme differs between the bindings.
        for (request, expected) in [
            (
                "GET /head HTTP/1.1\r\nHost: a.example:81\r\n\r\n",
                "Get|Http|a.example:81|/head|",
            ),
            (
                "PROPFIND /head?a=%20&b=/?c HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nx-two:  \u{e4} \r\nX-One: 3\r\n\r\n",
                "Other(\"PROPFIND\")|Http|h|/head?a=%20&b=/?c|x-one: 1|x-one: 3|x-two: \\xc3\\xa4|",
            ),
            (
                "GET http://other.example/head?\"<>\\^`{|} HTTP/1.1\r\nHost: h\r\n\r\n",
                "Get|Http|other.example|/head?%22%3C%3E%5C%5E%60%7B%7C%7D|",
            ),
            // What belongs to the connection, or may not be seen.
            (
                "POST /head HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, x\r\nKeep-Alive: 5\r\nTE: gzip\r\n\
                 Upgrade: h2c\r\nProxy-Connection: a\r\nProxy-Authorization: b\r\nContent-Length: 2\r\n\r\nxx",
                "Post|Http|h|/head|content-length: 2|",
            ),
        ] {
            let answer = server.exchange(request.as_bytes());
            let mut text = String::new();
            for line in answer.text().lines() {
                let line = line.trim_start_matches("Some(").trim_start_matches('"');
                let line = line.trim_start_matches("Method::");
                let line = line.trim_start_matches("Scheme::");
                let line = match line.contains("Other") {
                    true => line,
                    false => line.trim_end_matches([')', '"']),
                };
                text.push_str(line);
                text.push('|');
            }
            assert_eq!(text, expected, "{guest}: {request}");
        }
        // HTTP/1.0 need not name an authority.
        let answer = server.exchange(b"GET /hello HTTP/1.0\r\n\r\n");
        assert_eq!(answer.text(), "hello\n", "{guest}");
    }
}

/// As long as nothing was sent there is a clean answer, and the connection goes on.
#[test]
fn failures_before_the_head_is_sent_are_answered() {
    for guest in GUESTS {
        let server = started(guest, "--cpu 20ms --timeout 10min");
        let mut client = server.connect();
        for (target, status, reason) in [
            ("/trap", 500, "unreachable"),
            ("/trap-after-head", 500, "unreachable"),
            ("/error-code", 500, "LoopDetected"),
            ("/unfinished", 500, "not finished"),
            ("/length?declared=3&written=5", 500, "its length"),
            ("/length?declared=5&written=3", 500, "its length"),
            ("/status?code=199", 500, "199"),
            ("/status?code=700", 500, ""),
            (
                "/no-response",
                if guest == "test_proxy" { 500 } else { 404 },
                "",
            ),
            (
                "/forgotten",
                if guest == "test_proxy" { 500 } else { 404 },
                "",
            ),
            ("/loop", 504, "(cpu)"),
        ] {
            let answer = client.get(target);
            assert_eq!(answer.status, status, "{guest}: {target}");
            if status >= 500 {
                server.wait_for_log("the reason", |line| {
                    line.contains("ERROR") && line.contains(reason)
                });
            }
        }
        assert_eq!(client.get("/hello").text(), "hello\n", "{guest}");
    }
}

/// A part of a response is never taken for the whole.
#[test]
fn failures_after_the_head_was_sent_cut_the_connection() {
    for guest in GUESTS {
        // Little, since on a machine that is busy with other things the slow lane gets next to nothing; but enough for
        // the head to go out.
        let server = started(guest, "--cpu 100ms --timeout 10min --stream-timeout 10min");
        let impatient = started(guest, "--stream-timeout 300ms");
        for (target, reason) in [
            ("/trap-after-head?pause=1", "unreachable"),
            ("/unfinished?pause=1", "not finished"),
            ("/forgotten?pause=1", "not finished"),
            ("/length?declared=5&written=3&pause=1", "its length"),
            ("/loop-after-head", "(cpu)"),
            ("/wait-after-head", "--stream-timeout"),
        ] {
            if target.contains("forgotten") && guest == "test_service" {
                continue;
            }
            let server = match reason {
                "--stream-timeout" => &impatient,
                _ => &server,
            };
            let mut client = server.connect();
            client.send(head("GET", target, &[]));
            let case = format!("{guest}: {target}");
            let outcome = client.try_response(false);
            let Err(Broken::CutShort { head, .. }) = outcome else {
                panic!("{case}: {outcome:?}");
            };
            assert!(head.starts_with("HTTP/1.1 200 "), "{case}: {head}");
            server.wait_for_log("the reason", |line| line.contains(reason));
            server.wait_for_log("the cut", |line| line.contains("connection cut"));
        }
        assert_eq!(server.get("/hello").text(), "hello\n", "{guest}");
    }
}

/// Clients of HTTP/1.0 take the connection's end for the body's: a cut is a reset.
#[test]
fn old_clients_get_streams_too() {
    for guest in GUESTS {
        let server = started(guest, "");
        let mut client = server.connect();
        client.send("GET /trailers?pause=1 HTTP/1.0\r\n\r\n");
        let answer = client.response();
        assert_eq!(answer.text(), "content", "{guest}");
        assert!(answer.closes(), "{guest}");
    }
}

#[test]
fn the_wall_clock_counts_to_the_head() {
    for guest in GUESTS {
        let server = started(guest, "--timeout 300ms");
        assert_eq!(server.get("/wait").status, 504, "{guest}");
        server.wait_for_log("the reason", |line| line.contains("(timeout)"));
        // Four times as long, and nothing is wrong with it.
        let answer = server.get("/length?declared=3&written=3&pause=600");
        assert_eq!(answer.text(), "xxx", "{guest}");
        assert_eq!(server.get("/hello").text(), "hello\n", "{guest}");
    }
}

#[test]
fn an_instance_is_kept_for_as_many_requests_as_it_may() {
    for guest in GUESTS {
        for (arguments, counts) in [("", ["1", "1", "1"]), ("--reuse 2", ["1", "2", "1"])] {
            let server = started(guest, arguments);
            let mut client = server.connect();
            for count in counts {
                assert_eq!(client.get("/count").text(), count, "{guest} {arguments}");
            }
        }
        // And for none after one that it failed.
        let server = started(guest, "--reuse 100 --cpu 20ms --timeout 1s");
        for target in [
            "/trap",
            "/error-code",
            "/unfinished",
            "/unfinished?pause=1",
            "/trap-after-head?pause=1",
            "/loop",
            "/wait",
        ] {
            let mut client = server.connect();
            assert_eq!(client.get("/count").text(), "1", "{guest}: before {target}");
            assert_eq!(client.get("/count").text(), "2", "{guest}: before {target}");
            client.send(head("GET", target, &[]));
            let _ = client.try_response(false);
        }
        // One whose client went away is none that answered.
        let mut client = server.connect();
        assert_eq!(client.get("/count").text(), "1", "{guest}");
        client.send(head("GET", "/wait-after-head", &[]));
        assert!(client.try_head().is_ok());
        drop(client);
        server.wait_for_log("the end of it", |line| line.contains("client went away"));
        assert_eq!(server.get("/count").text(), "1", "{guest}");
    }
}

#[test]
fn wasi_is_granted_as_far_as_it_was_asked_for() {
    let site = Site::new(&[("page.txt", "page")]);
    for guest in GUESTS {
        let options = Server::options().arg(site.path()).handler(guest);
        let server = options.args("--env GREETING=hi").start();
        assert_eq!(server.get("/file").text(), "page", "{guest}");
        assert_eq!(server.get("/print").text(), "hi", "{guest}");
        for line in ["stdout: to the output", "stderr: to the errors"] {
            server.wait_for_log("what it printed", |found| {
                found.contains(line) && found.contains(guest) && found.contains("request=1")
            });
        }
        let answer = server.get("/outbound").text();
        assert!(answer.contains("HttpRequestDenied"), "{guest}: {answer}");
        let answer = server.get("/socket").text();
        assert!(answer.contains("PermissionDenied"), "{guest}: {answer}");
    }
}

/// What is left to do after the response is done, within the limits, and holds nobody up.
#[test]
fn a_guest_may_go_on_after_its_response() {
    for guest in GUESTS {
        let server = started(guest, "--max-instances 1 --queue-timeout 20s");
        let mut client = server.connect();
        assert_eq!(client.get("/after?pause=200").text(), "done", "{guest}");
        // It waits for the only place.
        assert_eq!(client.get("/hello").text(), "hello\n", "{guest}");
        server.wait_for_log("its last words", |line| line.contains("after the response"));

        let server = started(
            guest,
            "--max-instances 1 --queue-timeout 20s --timeout 300ms",
        );
        let mut client = server.connect();
        assert_eq!(client.get("/after?pause=600000").text(), "done", "{guest}");
        assert_eq!(client.get("/hello").text(), "hello\n", "{guest}");
    }
}
