//! Handlers that let the host do the work, reach for what is not theirs, or write what is not true.

use std::time::Duration;

use crate::support::{Client, Server, ServerOptions, Site, handler_of, head, run};

/// Giving way after each moment of work does not make the work free.
#[test]
fn work_in_small_pieces_is_work() {
    // Little, since on a machine that is busy with other things the slow lane gets next to nothing.
    let server = Server::of_untrusted("--cpu 20ms --timeout 10m");
    for target in ["/busy-poll", "/naps", "/tiny-calls", "/poll-list?n=10"] {
        assert_eq!(server.get(target).status, 504, "{target}");
        server.wait_for_log("the reason", |line| {
            line.contains("(cpu)") && line.contains(target)
        });
    }
    server.assert_alive("work in small pieces");
}

/// A hundred requests are answered while eight others keep every processor busy, in whichever way.
#[test]
fn busy_handlers_do_not_delay_others() {
    let server = Server::of_untrusted("--cpu 10m --timeout 10m");
    for target in [
        "/loop",
        "/busy-poll",
        "/naps",
        "/tiny-calls",
        "/poll-list?n=1000",
    ] {
        let mut busy: Vec<Client> = (0..8).map(|_| server.connect()).collect();
        for client in &mut busy {
            client.send(head("GET", target, &[]));
        }
        for _ in 0..100 {
            server.assert_alive(target);
        }
        for client in &mut busy {
            assert!(
                client.is_silent_for(Duration::from_millis(1)),
                "{target} ended"
            );
        }
    }
}

/// One thread for all is enough, too.
#[test]
fn one_thread_serves_everybody() {
    let server = Server::of_untrusted("--threads 1 --cpu 10m --timeout 10m");
    let mut busy: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for (client, target) in busy
        .iter_mut()
        .zip(["/loop", "/busy-poll", "/sleep?ms=600000"])
    {
        client.send(head("GET", target, &[]));
    }
    for _ in 0..20 {
        server.assert_alive("a loop on the only thread");
    }
}

#[test]
fn calls_that_ask_for_too_much() {
    let site = Site::new(&[("index.html", "page")]);
    let options = Server::options().arg(site.path());
    let server = options.handler("untrusted").args("--timeout 60s").start();
    let report = server.get("/huge-reads?path=index.html").text();
    assert_eq!(report.lines().count(), 7, "{report}");
    for (line, told) in report.lines().zip(["4 bytes", "3 bytes", "4 bytes"]) {
        assert!(line.ends_with(told), "{line}");
    }
    for target in [
        "/random-bytes",
        "/random-bytes?n=9999999999",
        "/poll-list?n=15000000",
    ] {
        assert_eq!(server.get(target).status, 500, "{target}");
        server.assert_alive(target);
    }
    let upload = crate::support::post("/read-all-at-once", &[b'x'; 300_000]);
    assert_eq!(server.exchange(&upload).text(), "300000\n");
}

#[test]
fn max_handles_is_what_a_handler_may_hold() {
    let site = Site::new(&[("index.html", "page")]);
    let options = Server::options().arg(site.path());
    let options = options.handler("untrusted").args("--max-handles 20");
    let server = options.start();
    assert_eq!(
        server.get("/open-many?n=10").text(),
        "10 open, then: as many as asked for\n"
    );
    for target in [
        "/open-many",
        "/open-many?n=20",
        "/spawn-many-pollables",
        "/list-folder?n=1000",
    ] {
        assert_eq!(server.get(target).status, 500, "{target}");
        assert_eq!(
            server.get("/file?path=index.html").text(),
            "page",
            "after {target}"
        );
    }
}

/// What could never answer is not served in the first place.
#[test]
fn components_that_cannot_begin_are_refused_at_the_start() {
    let site = Site::new(&[]);
    let memory = "(memory (export \"memory\") 17)";
    for (cores, told) in [
        (
            main_module(
                memory,
                "(func $start (loop $l (br $l))) (start $start)",
                "(unreachable)",
            ),
            "(cpu)",
        ),
        (
            main_module(
                memory,
                "(func $start unreachable) (start $start)",
                "(unreachable)",
            ),
            "unreachable",
        ),
        (
            main_module("(memory (export \"memory\") 200)", "", "(unreachable)"),
            "memory",
        ),
    ] {
        let file = site.write("hostile.wasm", &handler_of(&cores));
        let mut arguments = vec!["serve".into(), "--handler".into(), file.into_os_string()];
        arguments.extend(["--memory", "8MiB", "--cpu", "20ms"].map(Into::into));
        let ended = run(arguments);
        assert_eq!(ended.code, Some(2), "{told}: {ended:?}");
        let line = ended.stderr.lines().next().unwrap_or_default();
        assert!(
            line.contains("hostile.wasm: it cannot be started") && line.contains(told),
            "{told}: {ended:?}"
        );
    }
}

/// Instances go through what a component may hold in tables, memories and lists.
#[test]
fn components_that_are_hostile_from_the_ground_up() {
    let site = Site::new(&[]);
    let memory = "(memory (export \"memory\") 17)";
    for (name, cores, status) in [
        (
            "a table that grows without end",
            main_module(
                memory,
                "(table $t 1 funcref)",
                "(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) (unreachable)",
            ),
            500,
        ),
        (
            "a response at no address",
            main_module(memory, "", "(i32.const -4)"),
            500,
        ),
        (
            "a list of headers without an end",
            main_module(memory, "", &headers(0x0fff_ffff, 1024)),
            500,
        ),
        (
            "a hundred headers of a mebibyte each, all at one place",
            main_module(memory, "", &headers(100, 1 << 20)),
            500,
        ),
        (
            "memory.fill without end",
            main_module(
                memory,
                "",
                "(loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 1000000)) (br $l)) (i32.const 0)",
            ),
            504,
        ),
    ] {
        let file = site.write("hostile.wasm", &handler_of(&cores));
        let server = Server::options()
            .arg("--handler")
            .arg(file)
            .args("--memory 8MiB --cpu 20ms --timeout 60s")
            .start();
        for _ in 0..3 {
            assert_eq!(server.get("/").status, status, "{name}: {}", server.log());
        }
    }
}

/// What a handler prints, calls its functions or sends is quoted in the log and never a line of it.
#[test]
fn the_log_cannot_be_forged() {
    let site = Site::new(&[]);
    let forged = "127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \\\"GET /forged HTTP/1.1\\\" 200 1";
    let cores = main_module(
        "(memory (export \"memory\") 17)",
        &format!("(func $\"x\\n{forged}\\1b[2J\\n\" unreachable)"),
        &format!("(call $\"x\\n{forged}\\1b[2J\\n\") (i32.const 0)"),
    );
    let file = site.write("forger.wasm", &handler_of(&cores));
    let server = Server::options().arg("--handler").arg(file).start();
    assert_eq!(server.get("/").status, 500);
    server.wait_for_log("the failure", |line| line.contains("unreachable"));
    assert!(
        server.log().contains("/forged"),
        "the name is in the log: {}",
        server.log()
    );
    assert_no_forgery(&server);

    let server = Server::of_untrusted("");
    assert_eq!(server.get("/print").status, 200);
    assert_eq!(server.get("/bad-name").status, 500);
    server.wait_for_log("the refused name", |line| line.contains("X-Injected"));
    assert_no_forgery(&server);
}

fn assert_no_forgery(server: &Server) {
    let log = server.log();
    assert!(!log.contains('\u{1b}'), "{log}");
    assert!(
        !log.lines()
            .any(|line| line.starts_with("127.0.0.1") && line.contains("forged")),
        "{log}"
    );
}

/// However much a handler prints, in however many lines, the log of a request has a bound.
#[test]
fn what_a_handler_prints_is_bounded() {
    let server = Server::of_untrusted("");
    for target in [
        "/print-lines?n=1000000",
        "/long-panic?n=100000",
        "/bad-name",
    ] {
        let before = server.log().len();
        server.get(target);
        let path = target.split('?').next().unwrap_or(target);
        server.wait_for_log("the request", |line| {
            line.starts_with("127.0.0.1") && line.contains(path)
        });
        let grown = server.log().len() - before;
        assert!(grown < 600_000, "{target}: {grown} bytes of log");
    }
}

/// Nobody may be watching: the log is a pipe that is full.
#[test]
fn a_log_that_nobody_reads_stops_nobody() {
    let (address, mut child) = crate::support::start_unread(&["--cpu", "300ms"]);
    let mut client = Client::connect(address);
    for _ in 0..20 {
        assert_eq!(client.get("/print-lines?n=65536").status, 200);
        assert_eq!(client.get("/trap").status, 500);
        assert_eq!(client.get("/hello").text(), "hello\n");
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// A folder that may be read stays so beside one that may be written.
#[test]
fn write_access_does_not_spread() {
    let read = Site::new(&[("index.html", "page")]);
    let written = Site::new(&[("own.txt", "own")]);
    let server = Server::options()
        .handler("untrusted")
        .dir(&read.path(), "::/read")
        .dir(&written.path(), "::/written:rw")
        .start();
    let report = server.get("/across").text();
    assert_eq!(report.lines().count(), 6, "{report}");
    for line in report.lines() {
        assert!(line.contains(": refused"), "{line}");
    }
    assert!(read.at("index.html").exists() && written.at("own.txt").exists());
}

/// A handler that may write can make links, but not follow them out.
#[cfg(unix)]
#[test]
fn own_links_lead_nowhere() {
    let site = Site::new(&[("index.html", "page")]);
    std::fs::write(site.around().join("secret.txt"), "secret").expect("the secret can be written");
    let server = writing(&site, "");
    for target in [
        "..",
        "../secret.txt",
        "../../../../../../etc",
        "../site/..",
        "/etc",
        "/",
    ] {
        let report = server.get(&format!("/planted-link?target={target}")).text();
        assert_eq!(report.lines().count(), 12, "{report}");
        for line in report.lines().skip(1) {
            assert!(line.contains(": refused"), "{target}: {line}");
        }
    }
    assert!(!site.around().join("new").exists() && site.around().join("secret.txt").exists());
}

/// A file that was opened for writing alone.
#[test]
fn files_that_cannot_be_sent() {
    let site = Site::new(&[("small.txt", "content")]);
    site.sparse("big.bin", 1_000_000);
    let server = writing(&site, "");
    for file in ["small.txt", "big.bin"] {
        let answer = server.get(&format!("/write-only?path={file}"));
        assert_eq!(answer.status, 500, "{file}");
    }
    let report = server.get("/impossible-times?path=small.txt").text();
    assert_eq!(report.lines().count(), 16, "{report}");
    server.assert_alive("times that no clock has");
}

/// Opening a FIFO to write to it waits for a reader.
#[cfg(unix)]
#[test]
fn a_fifo_to_write_to_stops_nobody() {
    let site = Site::new(&[("index.html", "page")]);
    site.fifo("fifo");
    let server = writing(&site, "--timeout 2s");
    let mut waiting: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.send(head("GET", "/fifo-for-writing?path=/fifo", &[]));
    }
    assert_eq!(server.get("/file?path=index.html").text(), "page");
    for client in &mut waiting {
        let answer = client.response();
        assert!(
            answer.status == 504 || answer.text().contains("refused"),
            "{}",
            answer.text()
        );
    }
}

#[test]
fn answers_at_the_edge() {
    let server = Server::of_untrusted("--max-head 1KiB");
    // `X-Big: ` and the line's end take nine bytes.
    for (target, status) in [
        ("/big-headers?n=1015", 200),
        ("/big-headers?n=1016", 500),
        ("/empty-of-length?n=0", 200),
        ("/empty-of-length?n=5", 500),
    ] {
        assert_eq!(server.get(target).status, status, "{target}");
    }
    // A HEAD's Content-Length may stand for a body that was not made.
    let answer = server.request("HEAD", "/empty-of-length?n=5", &[]);
    assert_eq!((answer.status, answer.need("content-length")), (200, "5"));
    let answer = server.request("HEAD", "/hello", &[]);
    assert_eq!((answer.status, answer.need("content-length")), (200, "6"));
    // Names are sent as they were given.
    let answer = server.get("/mixed-case");
    for line in ["\r\nX-mIxEd-CASE: Value\r\n", "\r\nx-low: \r\n"] {
        assert!(answer.head.contains(line), "{}", answer.head);
    }
}

fn writing(site: &Site, arguments: &str) -> Server {
    let options: ServerOptions = Server::options().dir(&site.path(), "::/:rw");
    options.handler("untrusted").args(arguments).start()
}

/// A core module with a `realloc` that hands out what comes after 64 KiB, and with `handle` as given.
fn main_module(memory: &str, items: &str, handle: &str) -> String {
    format!(
        "(core module $module
            {memory}
            {items}
            (global $next (mut i32) (i32.const 65536))
            (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)
                (global.get $next)
                (global.set $next (i32.and
                    (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 7))
                    (i32.const -8))))
            (func (export \"handle\") (param i32) (result i32) {handle}))
        (core instance $main (instantiate $module))"
    )
}

/// A response of `count` headers with the name `x`, whose values are the same `length` bytes.
fn headers(count: u32, length: u32) -> String {
    format!(
        "(local $at i32)
        (memory.fill (i32.const 0) (i32.const 120) (i32.const 1100000))
        (i32.store16 (i32.const 0) (i32.const 200))
        (i32.store (i32.const 4) (i32.const 1024))
        (i32.store (i32.const 8) (i32.const {count}))
        (i32.store8 (i32.const 16) (i32.const 0))
        (local.set $at (i32.const 1024))
        (loop $more
            (i32.store (local.get $at) (i32.const 64000))
            (i32.store offset=4 (local.get $at) (i32.const 1))
            (i32.store offset=8 (local.get $at) (i32.const 64000))
            (i32.store offset=12 (local.get $at) (i32.const {length}))
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (br_if $more (i32.lt_u (local.get $at) (i32.const 32000))))
        (i32.const 0)"
    )
}
