//! `--reuse N`: an instance answers up to N requests, one after the other, and no request after a failed one.

use crate::support::{Server, Site, head};

#[test]
fn an_instance_answers_at_most_reuse_requests() {
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

/// The built-in handler reads its settings and folders once for each instance.
#[test]
fn a_reused_instance_serves_files_like_a_fresh_one() {
    let site = Site::new(&[("a.txt", "first"), ("b.txt", "second")]);
    for (arguments, cache_control) in [
        ("--reuse 100", "no-cache"),
        ("--reuse 100 --cache-control max-age=60", "max-age=60"),
    ] {
        let server = Server::options().arg(site.path()).args(arguments).start();
        let mut client = server.connect();
        for _ in 0..5 {
            for (target, text) in [("/a.txt", "first"), ("/b.txt", "second")] {
                let answer = client.get(target);
                assert_eq!(answer.text(), text, "{arguments}: {}", server.log());
                assert_eq!(answer.need("cache-control"), cache_control, "{arguments}");
            }
            assert_eq!(client.get("/none").status, 404, "{arguments}");
        }
    }
}

#[test]
fn a_failed_instance_is_not_reused() {
    let server = Server::of_untrusted("--reuse 100 --cpu 20ms --timeout 2s --memory 16MiB");
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

/// With room for one instance, a request must take the idle instance instead of waiting for room.
#[test]
fn an_idle_instance_does_not_block_new_requests() {
    let server = Server::of_untrusted("--reuse 100 --max-instances 1 --queue-timeout 20s");
    let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(head("GET", "/sleep?ms=20", &[]));
    }
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
}

/// A reused instance gets new limits and its own log context with each request.
#[test]
fn limits_and_log_belong_to_the_request() {
    let server = Server::of_untrusted("--reuse 100 --timeout 3s");
    let mut client = server.connect();
    // Together they take longer than one request may.
    let requests = 32;
    for request in 0..requests {
        let answer = client.get("/sleep?ms=100");
        assert_eq!(answer.status, 200, "{request}");
    }
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/print").status, 200);
    }
    for number in requests..requests + 3 {
        server.wait_for_log("the request's number", |line| {
            line.contains("a line on the standard output")
                && line.contains(&format!("request={number}"))
        });
    }
}
