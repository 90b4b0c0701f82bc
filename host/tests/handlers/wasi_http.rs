//! Handlers of wasi:http 0.2 and 0.3: requests, responses, failures and grants.

use crate::support::{Broken, Server, Site, head};

/// The same handler for version 0.2 and for version 0.3, from the folder guests.
const GUESTS: [&str; 2] = ["test_proxy", "test_service"];

fn started(guest: &str, arguments: &str) -> Server {
    Server::options().handler(guest).args(arguments).start()
}

/// The task of a connection must yield at times, and must not take input that it has not read yet for missing.
#[test]
fn answers_many_pipelined_requests() {
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

/// A busy guest runs in time slices. Its body must be complete, in whichever slice it ends.
#[test]
fn a_late_body_is_sent_whole() {
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
fn sends_responses_as_the_handler_gives_them() {
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

/// The lengths are around the sizes at which the host sends what it has gathered.
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

/// The host sets the fields of framing, Date and Server.
#[test]
fn drops_fields_that_the_host_owns() {
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
fn passes_requests_to_the_handler_unchanged() {
    for guest in GUESTS {
        let server = started(guest, "");
        // The bindings of 0.2 and 0.3 format methods and schemes differently.
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
            // Fields of the connection, and credentials for a proxy, are dropped.
            (
                "POST /head HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, x\r\nKeep-Alive: 5\r\nTE: gzip\r\n\
                 Upgrade: h2c\r\nProxy-Connection: a\r\nProxy-Authorization: b\r\nContent-Length: 2\r\n\r\nxx",
                "Post|Http|h|/head|content-length: 2|",
            ),
        ] {
            let answer = server.exchange(request.as_bytes());
            // The server adds the address of the client, and nothing else.
            let (clients, lines): (Vec<_>, Vec<_>) = answer
                .text()
                .lines()
                .map(str::to_owned)
                .partition(|line| line.contains("belljar-client"));
            assert_eq!(clients.len(), 1, "{guest}: {clients:?}");
            assert!(clients[0].contains("127.0.0.1:"), "{guest}: {clients:?}");
            let mut text = String::new();
            for line in &lines {
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
        // A request of HTTP/1.0 may lack a Host field.
        let answer = server.exchange(b"GET /hello HTTP/1.0\r\n\r\n");
        assert_eq!(answer.text(), "hello\n", "{guest}");
    }
}

/// Before the head is sent, a failure gives an error response, and the connection stays open.
#[test]
fn failures_before_the_head_give_an_error_response() {
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

/// A client must not take a part of a response for the whole.
#[test]
fn failures_after_the_head_cut_the_connection() {
    for guest in GUESTS {
        // Short, because the slow lane gets little time on a busy machine, but enough to send the head.
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

/// For a client of HTTP/1.0 the end of the connection is the end of the body.
#[test]
fn streams_to_http_1_0_clients_end_with_the_connection() {
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
fn the_timeout_applies_until_the_head() {
    for guest in GUESTS {
        let server = started(guest, "--timeout 1s");
        assert_eq!(server.get("/wait").status, 504, "{guest}");
        server.wait_for_log("the reason", |line| line.contains("(timeout)"));
        // The timeout does not apply to the body.
        let answer = server.get("/length?declared=3&written=3&pause=1500");
        assert_eq!(answer.text(), "xxx", "{guest}");
        assert_eq!(server.get("/hello").text(), "hello\n", "{guest}");
    }
}

#[test]
fn reuses_an_instance_until_its_limit_or_a_failure() {
    for guest in GUESTS {
        for (arguments, counts) in [("", ["1", "1", "1"]), ("--reuse 2", ["1", "2", "1"])] {
            let server = started(guest, arguments);
            let mut client = server.connect();
            for count in counts {
                assert_eq!(client.get("/count").text(), count, "{guest} {arguments}");
            }
        }
        // A failed instance is not reused.
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
        // An instance whose client closed the connection is not reused.
        let mut client = server.connect();
        assert_eq!(client.get("/count").text(), "1", "{guest}");
        client.send(head("GET", "/wait-after-head", &[]));
        assert!(client.try_head().is_ok());
        drop(client);
        server.wait_for_log("the lost client", |line| {
            line.contains("connection cut: the client closed the connection")
        });
        assert_eq!(server.get("/count").text(), "1", "{guest}");
    }
}

#[test]
fn grants_only_what_the_flags_grant() {
    let site = Site::new(&[("page.txt", "page")]);
    for guest in GUESTS {
        let options = Server::options().arg(site.path()).handler(guest);
        let server = options.args("--env GREETING=hi").start();
        assert_eq!(server.get("/file").text(), "page", "{guest}");
        assert_eq!(server.get("/print").text(), "hi", "{guest}");
        for line in ["stdout: to the output", "stderr: to the errors"] {
            server.wait_for_log("the printed line", |found| {
                found.contains(line) && found.contains(guest) && found.contains("request=1")
            });
        }
        let answer = server.get("/outbound").text();
        assert!(answer.contains("HttpRequestDenied"), "{guest}: {answer}");
        let answer = server.get("/socket").text();
        assert!(answer.contains("PermissionDenied"), "{guest}: {answer}");
    }
}

/// A guest may work on after its response, within its limits. The client does not wait for it.
#[test]
fn a_guest_may_work_on_after_its_response() {
    for guest in GUESTS {
        let server = started(guest, "--max-instances 1 --queue-timeout 20s");
        let mut client = server.connect();
        assert_eq!(client.get("/after?pause=200").text(), "done", "{guest}");
        // The next request waits for the only instance.
        assert_eq!(client.get("/hello").text(), "hello\n", "{guest}");
        server.wait_for_log("the line printed after the response", |line| {
            line.contains("after the response")
        });

        let server = started(
            guest,
            "--max-instances 1 --queue-timeout 20s --timeout 300ms",
        );
        let mut client = server.connect();
        assert_eq!(client.get("/after?pause=600000").text(), "done", "{guest}");
        assert_eq!(client.get("/hello").text(), "hello\n", "{guest}");
    }
}
