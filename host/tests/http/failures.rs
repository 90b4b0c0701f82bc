//! Tests of handlers that fail or attack: the status of each failure, and that the server keeps working.

use std::time::{Duration, Instant};

use crate::support::{Client, Response, Server, Site, WAIT_LIMIT, head, post};

#[test]
fn answers_500_when_a_handler_ends_without_a_response() {
    let server = Server::of_untrusted("");
    for target in [
        "/trap",
        "/panic",
        "/exit",
        "/exit?code=0",
        "/exit?code=1",
        "/recursion",
        "/memory-trap",
    ] {
        let mut client = server.connect();
        let answer = client.get(target);
        assert_eq!(answer.status, 500, "{target}");
        assert!(
            !answer.text().contains("wasm") && !answer.text().contains("unreachable"),
            "the client must not see the reason"
        );
        // The failure only ends the instance. The connection stays open.
        assert_eq!(client.get("/count").text(), "1\n", "after {target}");
        server.assert_alive(target);
    }
    let body = post("/trap-mid-body", &[b'x'; 1000]);
    assert_eq!(server.exchange(&body).status, 500);
    server.assert_alive("a trap in the middle of a body");
}

#[test]
fn logs_why_a_handler_failed() {
    let server = Server::of_untrusted("--cpu 20ms");
    for (target, status, reason) in [
        ("/trap", 500, "unreachable"),
        ("/recursion", 500, "wasm trap"),
        ("/crlf", 500, "X-Split"),
        ("/status?code=999", 500, "999"),
        ("/loop", 504, "cpu"),
    ] {
        assert_eq!(server.get(target).status, status, "{target}");
        // The log must show the reason and the path of the request that failed.
        let has_reason = |line: &str| {
            line.to_ascii_lowercase()
                .contains(&reason.to_ascii_lowercase())
        };
        server.wait_for_log(&format!("{reason} (for {target})"), has_reason);
        server.wait_for_log(target, |line| line.contains(target));
    }
}

#[test]
fn answers_500_when_a_response_cannot_be_sent() {
    let server = Server::shared();
    for (target, status) in [
        ("/content-length-lie?n=500", 500),
        ("/content-length-lie?n=4", 500),
        ("/content-length-lie?n=0", 500),
        ("/content-length-lie?n=", 500),
        ("/content-length-lie?n=five", 500),
        ("/content-length-lie?n=%2B5", 500),
        ("/content-length-lie?n=5%2C5", 500),
        ("/content-length-lie?n=18446744073709551621", 500),
        ("/content-length-lie?n=5", 200),
        ("/crlf", 500),
        ("/bad-name", 500),
        ("/no-body-status", 500),
        ("/many-headers?n=1000", 500),
        ("/many-headers?n=129", 500),
        ("/many-headers?n=128", 200),
        ("/big-headers?n=1000000", 500),
        ("/big-headers?n=1000", 200),
        ("/status?code=0", 500),
        ("/status?code=99", 500),
        ("/status?code=100", 500),
        ("/status?code=101", 500),
        ("/status?code=199", 500),
        ("/status?code=600", 500),
        ("/status?code=999", 500),
        ("/status?code=65535", 500),
        ("/status?code=200", 200),
        ("/status?code=204", 204),
        ("/status?code=299", 299),
        ("/status?code=304", 304),
        ("/status?code=418", 418),
        ("/status?code=599", 599),
        ("/directory-handle", 404),
    ] {
        let mut client = server.connect();
        let answer = client.get(target);
        assert_eq!(answer.status, status, "{target}");
        let text = format!("{}{}", answer.head, answer.text());
        assert!(
            !text.contains("stolen") && !text.contains("X-Injected") && !text.contains("smug"),
            "{text}"
        );
        assert_eq!(
            client.get("/hello").text(),
            "hello\n",
            "the next response must belong to the next request after {target}"
        );
    }
}

#[test]
fn drops_connection_fields_set_by_the_handler() {
    let server = Server::shared();
    let mut client = server.connect();
    let answer = client.get("/framing");
    assert_eq!((answer.status, answer.text().as_str()), (200, "framed\n"));
    assert_eq!(
        (answer.need("content-length"), answer.need("x-kept")),
        ("7", "kept")
    );
    for name in [
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "te",
        "trailer",
    ] {
        assert_eq!(answer.field(name), None, "{}", answer.head);
    }
    assert_eq!(answer.need("server"), "belljar");
    assert!(!answer.need("date").contains("1970"));
    assert_eq!(client.get("/hello").text(), "hello\n");
}

#[test]
fn sends_only_the_requested_part_of_a_file() {
    let site = Site::new(&[("ten.txt", "0123456789"), ("folder/x.txt", "x")]);
    let server = Server::options()
        .arg(site.path())
        .handler("untrusted")
        .start();
    for (target, status, body) in [
        ("/file?path=/ten.txt", 200, "0123456789"),
        ("/file?path=/ten.txt&offset=3", 200, "3456789"),
        ("/file?path=/ten.txt&offset=3&length=4", 200, "3456"),
        ("/file?path=/ten.txt&offset=10&length=0", 200, ""),
        ("/file?path=/ten.txt&offset=0&length=11", 500, ""),
        ("/file?path=/ten.txt&offset=10&length=1", 500, ""),
        ("/file?path=/ten.txt&offset=11&length=0", 500, ""),
        (
            "/file?path=/ten.txt&offset=18446744073709551615&length=1",
            500,
            "",
        ),
        (
            "/file?path=/ten.txt&offset=18446744073709551615&length=18446744073709551615",
            500,
            "",
        ),
        (
            "/file?path=/ten.txt&offset=1&length=18446744073709551615",
            500,
            "",
        ),
        (
            "/file?path=/ten.txt&offset=9223372036854775808&length=1",
            500,
            "",
        ),
        ("/past-the-end?path=/ten.txt", 500, ""),
        ("/past-the-end?path=/ten.txt&offset=9", 500, ""),
        ("/past-the-end?path=/ten.txt&offset=100", 500, ""),
        ("/directory-handle", 500, ""),
        ("/file?path=/folder", 500, ""),
    ] {
        let mut client = server.connect();
        let answer = client.get(target);
        assert_eq!(answer.status, status, "{target}");
        assert!(
            status != 200 || answer.text() == body,
            "{target}: {}",
            answer.text()
        );
        assert_eq!(client.get("/hello").text(), "hello\n", "after {target}");
    }
    let head = server.request("HEAD", "/file?path=/ten.txt&offset=3&length=4", &[]);
    assert_eq!((head.status, head.need("content-length")), (200, "4"));
}

#[test]
fn answers_500_when_a_file_shrank_before_the_head_was_sent() {
    let site = Site::new(&[]);
    let server = Server::options()
        .dir(&site.path(), "::/:rw")
        .handler("untrusted")
        .start();
    for length in [100, 10_000_000] {
        site.sparse("shrinking.bin", length);
        let mut client = server.connect();
        client.send(head("GET", "/shrinking-file?path=/shrinking.bin", &[]));
        match client.try_response(false) {
            Ok(answer) => assert_eq!(answer.status, 500, "{length}: {}", answer.head),
            Err(crate::support::Broken::CutShort { .. }) => {}
            Err(other) => panic!("{length}: {other:?}"),
        }
        assert_eq!(
            std::fs::metadata(site.at("shrinking.bin"))
                .map(|file| file.len())
                .ok(),
            Some(0)
        );
        server.assert_alive("a file that shrank");
    }
}

#[test]
fn answers_504_when_a_handler_never_ends() {
    let server = Server::of_untrusted(SHORT);
    for target in ["/loop", "/flood-stdout"] {
        let mut client = server.connect();
        assert_eq!(client.get(target).status, 504, "{target}");
        assert_eq!(client.get("/count").text(), "1\n", "after {target}");
    }
    assert_eq!(
        server.exchange(&post("/loop-after-read", b"body")).status,
        504
    );
    server.assert_alive("handlers without an end");
    // A handler may print, but must not fill the operator's disk.
    assert!(
        server.log().len() < 4 * 1024 * 1024,
        "{} bytes of log",
        server.log().len()
    );
}

#[test]
fn answers_504_when_a_handler_sleeps_past_its_deadline() {
    let server = Server::of_untrusted("--timeout 2s");
    assert_eq!(server.get("/sleep?ms=600000").status, 504);
    server.assert_alive("a sleeper");
}

#[test]
fn limits_memory_without_ending_the_handler() {
    let server = Server::of_untrusted("--memory 8MiB --cpu 10s");
    let size: u64 = server
        .get("/memory-report")
        .text()
        .trim()
        .parse()
        .expect("the value is a number");
    assert!((1024 * 1024..=8 * 1024 * 1024).contains(&size), "{size}");
    let answer = server.get("/memory");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer.text().starts_with("an allocation failed after "),
        "{}",
        answer.text()
    );
    assert_eq!(server.get("/memory-trap").status, 500);
    assert_eq!(server.get("/big-body?n=100000").body.len(), 100_000);
    server.assert_alive("handlers that use all memory");
}

#[test]
fn stops_handlers_that_create_endless_timers() {
    let server = Server::of_untrusted("--cpu 500ms --timeout 5s");
    let status = server.get("/spawn-many-pollables").status;
    assert!(matches!(status, 500 | 504), "{status}");
    server.assert_alive("timers");
}

/// The open files of one request must leave enough for other requests.
#[test]
fn limits_the_open_files_of_a_handler() {
    let site = Site::new(&[("index.html", "page")]);
    let server = Server::options()
        .arg(site.path())
        .handler("untrusted")
        .args("--cpu 5s --timeout 60s")
        .start();
    let mut hoarder = server.connect();
    hoarder.send(head("GET", "/open-many?ms=50000", &[]));
    for _ in 0..20 {
        server.assert_alive("opening many files");
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(
            server.get("/file?path=/index.html").text(),
            "page",
            "other requests must still be able to open files"
        );
    }
}

/// Opening a FIFO waits for a writer. It must not block the threads that other requests need.
#[cfg(unix)]
#[test]
fn a_fifo_blocks_no_other_requests() {
    let site = Site::new(&[("index.html", "page")]);
    site.fifo("fifo");
    let server = Server::options()
        .arg(site.path())
        .handler("untrusted")
        .args("--timeout 2s")
        .start();
    let mut waiting: Vec<_> = (0..40).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.send(head("GET", "/fifo?path=/fifo", &[]));
    }
    for _ in 0..10 {
        server.assert_alive("opening a FIFO");
        assert_eq!(server.get("/file?path=/index.html").text(), "page");
    }
    for client in &mut waiting {
        let answer = client.response();
        assert!(matches!(answer.status, 200 | 504), "{}", answer.head);
        assert!(!answer.text().contains("read 1"), "{}", answer.text());
    }
    assert!(matches!(
        server.get("/file?path=/fifo").status,
        404 | 500 | 504
    ));
    server.assert_alive("a FIFO");
}

#[cfg(unix)]
#[test]
fn keeps_paths_inside_the_folder() {
    let site = Site::new(&[("index.html", "page"), ("folder/x.txt", "x")]);
    std::fs::write(site.around().join("secret.txt"), "secret").expect("the secret can be written");
    site.symlink("/etc/passwd", "absolute-link");
    site.symlink("../secret.txt", "relative-link");
    site.symlink("..", "folder-link");
    for writable in [false, true] {
        let grant = if writable { "::/:rw" } else { "::/" };
        let server = Server::options()
            .dir(&site.path(), grant)
            .handler("untrusted")
            .start();
        let report = server.get("/escape").text();
        assert!(report.lines().count() > 30, "{report}");
        for line in report.lines() {
            assert!(line.contains(": refused"), "{grant}: {line}");
        }
    }
}

#[test]
fn refuses_to_write_without_a_grant() {
    let site = Site::new(&[("index.html", "page")]);
    for grant in ["::/", "::/:rw"] {
        let server = Server::options()
            .dir(&site.path(), grant)
            .handler("untrusted")
            .start();
        let report = server.get("/write?path=/index.html").text();
        let writable = grant.ends_with("rw");
        assert_eq!(report.lines().count(), 6, "{report}");
        for line in report.lines() {
            // The file was renamed before it could be removed.
            let allowed = writable && !line.starts_with("remove");
            assert_eq!(line.contains(": ALLOWED"), allowed, "{grant}: {line}");
        }
        assert_eq!(site.at("index.html").exists(), !writable, "{grant}");
    }
    // The site itself is never writable.
    let site = Site::new(&[("index.html", "page")]);
    let server = Server::options()
        .arg(site.path())
        .handler("untrusted")
        .start();
    assert!(
        !server
            .get("/write?path=/index.html")
            .text()
            .contains("ALLOWED")
    );
    assert_eq!(server.get("/file?path=/index.html").text(), "page");
}

#[test]
fn refuses_network_access() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("the port has a number");
    let server = Server::shared();
    let answer: Response = server.get(&format!("/sockets?address={address}"));
    assert_eq!(answer.text().lines().count(), 4, "{}", answer.text());
    for line in answer.text().lines() {
        assert!(line.contains(": refused"), "{line}");
    }
    listener
        .set_nonblocking(true)
        .expect("the socket takes an option");
    assert!(
        listener.accept().is_err(),
        "the handler opened a connection"
    );
}

/// A handler sees only the environment that it was granted. Its output goes to the log only.
#[test]
fn a_handler_sees_only_its_own_environment() {
    let server = Server::options()
        .handler("untrusted")
        .args("--env NAME=value --env EMPTY= --env A=b=c")
        .start();
    let answer = server.get("/env");
    let mut variables: Vec<_> = answer.text().lines().map(str::to_owned).collect();
    variables.sort();
    assert_eq!(variables, ["A=b=c", "EMPTY=", "NAME=value"]);
    assert_eq!(server.get("/print").text(), "printed\n");
    server.wait_for_log("a printed line", |line| {
        line.contains("a line on the standard output")
    });
    server.wait_for_log("a printed line", |line| {
        line.contains("a line on the standard error")
    });
    server.wait_for_log("the last line", |line| {
        line.contains("a line without an end")
    });
    assert!(
        !server.log().contains('\u{1b}'),
        "an escape sequence of the handler reached the terminal"
    );
}

#[test]
fn frees_the_instance_when_the_client_disconnects() {
    let server = Server::of_untrusted("--max-instances 1 --max-queue 0 --timeout 10m --cpu 10m");
    for target in ["/loop", "/sleep?ms=600000"] {
        let client = occupying(&server, target);
        drop(client);
        server.wait_for_text("/hello", "hello\n");
    }
    let fields = [("Content-Length", "5"), ("Expect", "100-continue")];
    let client = loop {
        let mut client = server.connect();
        client.send(head("POST", "/echo", &fields));
        match client.response().status {
            100 => break client,
            // The instance of the previous request is not free yet.
            status => assert_eq!(status, 503),
        }
    };
    drop(client);
    server.wait_for_text("/hello", "hello\n");
}

/// A client whose request has the only instance, so that other requests are refused.
fn occupying(server: &Server, target: &str) -> Client {
    let glance = Duration::from_millis(1);
    let begin = Instant::now();
    loop {
        let mut client = server.connect();
        client.send(head("GET", target, &[]));
        // An answer is a refusal: the instance of the previous request was not free yet.
        while client.is_silent_for(glance) {
            if server.get("/hello").status == 503 && client.is_silent_for(glance) {
                return client;
            }
            assert!(begin.elapsed() < WAIT_LIMIT, "{target} never began");
        }
    }
}

/// The CPU limit is low, because the slow lane gets little time on a machine that is busy with other programs.
const SHORT: &str = "--cpu 20ms --timeout 20s";
