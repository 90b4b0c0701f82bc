//! Hostile handlers: they make the host work, reach beyond their grants, or forge log lines.

use std::time::Duration;

use crate::support::{Client, Server, ServerOptions, Site, handler_of, head, run};

/// A handler that yields often must still be charged for its work.
#[test]
fn work_in_small_pieces_counts_as_cpu_time() {
    // Short, because the slow lane gets little time on a busy machine.
    let server = Server::of_untrusted("--cpu 20ms --timeout 10m");
    for target in ["/busy-poll", "/naps", "/tiny-calls", "/poll-list?n=10"] {
        assert_eq!(server.get(target).status, 504, "{target}");
        server.wait_for_log("the reason", |line| {
            line.contains("(cpu)") && line.contains(target)
        });
    }
    server.assert_alive("work in small pieces");
}

/// A hundred requests are answered while eight others keep every processor busy.
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

/// The same with one thread for all requests.
#[test]
fn busy_handlers_do_not_delay_others_on_one_thread() {
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
fn bounds_calls_with_huge_arguments() {
    let site = Site::new(&[("index.html", "page")]);
    let options = Server::options().arg(site.path());
    let server = options.handler("untrusted").args("--timeout 60s").start();
    let report = server.get("/huge-reads?path=index.html").text();
    assert_eq!(report.lines().count(), 7, "{report}");
    for (line, expected) in report.lines().zip(["4 bytes", "3 bytes", "4 bytes"]) {
        assert!(line.ends_with(expected), "{line}");
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
fn a_handler_holds_at_most_max_handles() {
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

/// The start of the server fails if its handler cannot start.
#[test]
fn refuses_components_that_cannot_start() {
    let site = Site::new(&[]);
    let memory = "(memory (export \"memory\") 17)";
    for (cores, expected) in [
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
        assert_eq!(ended.code, Some(2), "{expected}: {ended:?}");
        let line = ended.stderr.lines().next().unwrap_or_default();
        assert!(
            line.contains("hostile.wasm: cannot start the handler") && line.contains(expected),
            "{expected}: {ended:?}"
        );
    }
}

/// Components in text form, with tables, memories and lists that no compiler would make.
#[test]
fn bounds_tables_memories_and_lists() {
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
            "a response at an invalid address",
            main_module(memory, "", "(i32.const -4)"),
            500,
        ),
        (
            "an endless list of headers",
            main_module(memory, "", &headers(0x0fff_ffff, 1024)),
            500,
        ),
        (
            "a hundred headers of a mebibyte each, all at one address",
            main_module(memory, "", &headers(100, 1 << 20)),
            500,
        ),
        (
            "endless memory.fill",
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

/// Output, function names and header names of a handler are escaped in the log, and never begin a line.
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

/// The log of one request is bounded in bytes and in lines.
#[test]
fn bounds_the_output_of_a_handler() {
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

/// Standard error is a full pipe without a reader.
#[test]
fn an_unread_log_does_not_block_the_server() {
    let (address, mut child) = crate::support::start_unread(&["--cpu", "20ms"]);
    let mut client = Client::connect(address);
    for _ in 0..20 {
        assert_eq!(client.get("/print-lines?n=65536").status, 200);
        assert_eq!(client.get("/trap").status, 500);
        assert_eq!(client.get("/hello").text(), "hello\n");
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// A read-only folder stays read-only beside a writable one.
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

/// A handler with write access can create links, but cannot follow them out of its folder.
#[cfg(unix)]
#[test]
fn created_links_do_not_lead_out() {
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

/// A file that the handler opened for writing only cannot be sent.
#[test]
fn fails_on_write_only_files_and_impossible_times() {
    let site = Site::new(&[("small.txt", "content")]);
    site.sparse("big.bin", 1_000_000);
    let server = writing(&site, "");
    for file in ["small.txt", "big.bin"] {
        let answer = server.get(&format!("/write-only?path={file}"));
        assert_eq!(answer.status, 500, "{file}");
    }
    let report = server.get("/impossible-times?path=small.txt").text();
    assert_eq!(report.lines().count(), 16, "{report}");
    server.assert_alive("impossible file times");
}

/// Opening a FIFO for writing blocks until it has a reader.
#[cfg(unix)]
#[test]
fn opening_a_fifo_for_writing_does_not_block_others() {
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
fn accepts_headers_up_to_the_limit_and_keeps_their_case() {
    let server = Server::of_untrusted("--max-head 1KiB");
    // `X-Big: ` and the line end take nine bytes.
    for (target, status) in [
        ("/big-headers?n=1015", 200),
        ("/big-headers?n=1016", 500),
        ("/empty-of-length?n=0", 200),
        ("/empty-of-length?n=5", 500),
    ] {
        assert_eq!(server.get(target).status, status, "{target}");
    }
    // In the response to HEAD, Content-Length may stand for a body that the handler did not make.
    let answer = server.request("HEAD", "/empty-of-length?n=5", &[]);
    assert_eq!((answer.status, answer.need("content-length")), (200, "5"));
    let answer = server.request("HEAD", "/hello", &[]);
    assert_eq!((answer.status, answer.need("content-length")), (200, "6"));
    // Names keep their case.
    let answer = server.get("/mixed-case");
    for line in ["\r\nX-mIxEd-CASE: Value\r\n", "\r\nx-low: \r\n"] {
        assert!(answer.head.contains(line), "{}", answer.head);
    }
}

fn writing(site: &Site, arguments: &str) -> Server {
    let options: ServerOptions = Server::options().dir(&site.path(), "::/:rw");
    options.handler("untrusted").args(arguments).start()
}

/// A core module with the given `handle`. Its `realloc` allocates from 64 KiB upwards.
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
