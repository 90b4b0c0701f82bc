//! `--reuse N`: an instance answers up to N requests, one after the other, and none after one that it failed.

use crate::support::{Server, Site, head};

#[test]
fn an_instance_answers_as_many_requests_as_it_may() {
    for (arguments, counts) in [
        ("", ["1", "1", "1", "1", "1", "1"]),
        ("--reuse 1", ["1", "1", "1", "1", "1", "1"]),
        ("--reuse 2", ["1", "2", "1", "2", "1", "2"]),
        ("--reuse 4", ["1", "2", "3", "4", "1", "2"]),
    ] {
        let server = Server::of_untrusted(arguments);
        let mut client = server.connect();
        for (request, count) in counts.into_iter().enumerate() {
            let answer = client.get("/count");
            assert_eq!(answer.text().trim(), count, "{arguments}: {request}");
        }
    }
}

/// What an instance asked its host only once holds for all its requests.
#[test]
fn a_kept_instance_serves_the_same_files_in_the_same_way() {
    let site = Site::new(&[("a.txt", "first"), ("b.txt", "second")]);
    for (arguments, kept_for) in [
        ("--reuse 100", "no-cache"),
        ("--reuse 100 --cache-control max-age=60", "max-age=60"),
    ] {
        let server = Server::options().arg(site.path()).args(arguments).start();
        let mut client = server.connect();
        for _ in 0..5 {
            for (target, text) in [("/a.txt", "first"), ("/b.txt", "second")] {
                let answer = client.get(target);
                assert_eq!(answer.text(), text, "{arguments}: {}", server.log());
                assert_eq!(answer.need("cache-control"), kept_for, "{arguments}");
            }
            assert_eq!(client.get("/none").status, 404, "{arguments}");
        }
    }
}

#[test]
fn an_instance_that_failed_is_not_kept() {
    let server = Server::of_untrusted("--reuse 100 --cpu 200ms --timeout 400ms --memory 16MiB");
    let mut client = server.connect();
    for (attack, status) in [
        ("/trap", 500),
        ("/panic", 500),
        ("/exit", 500),
        ("/loop", 504),
        ("/sleep?ms=60000", 504),
        ("/status?code=999", 500),
    ] {
        assert_eq!(client.get("/count").text().trim(), "1", "before {attack}");
        assert_eq!(client.get("/count").text().trim(), "2", "before {attack}");
        assert_eq!(client.get(attack).status, status, "{attack}");
    }
}

/// With one place and an instance that waits in it, a request takes the instance and not a second place.
#[test]
fn a_kept_instance_does_not_take_the_last_place() {
    let server = Server::of_untrusted("--reuse 100 --max-instances 1 --queue-timeout 20s");
    let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(head("GET", "/sleep?ms=20", &[]));
    }
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
}

/// A kept instance is given each request's own limits and its own log.
#[test]
fn limits_are_those_of_a_request() {
    let server = Server::of_untrusted("--reuse 100 --timeout 600ms");
    let mut client = server.connect();
    for request in 0..8 {
        let answer = client.get("/sleep?ms=200");
        assert_eq!(answer.status, 200, "{request}");
    }
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/print").status, 200);
    }
    for number in 8..11 {
        server.wait_for_log("the request's number", |line| {
            line.contains("a line on the standard output")
                && line.contains(&format!("request={number}"))
        });
    }
}
