//! Faults of the machine: no room for a store, no descriptors, a disk that cannot be read, and kills in the middle of a write or of a swap.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::support::{Server, ServerOptions, Site, WAIT_LIMIT, answering, head, past};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

/// A server of the test handler with a store in this file.
pub fn with_store(options: ServerOptions, file: &Path) -> Server {
    options
        .handler("test_grants")
        .args("--store-max-bytes 1GiB --store")
        .arg(file)
        .start()
}

fn process(server: &Server) -> Pid {
    Pid::from_raw(server.process_id() as i32).expect("the process has an id")
}

pub fn kv(server: &Server, operation: &str) -> String {
    let answer = server.get(&format!("/kv/{operation}")).text();
    answer.trim_end().to_owned()
}

/// Repeats an operation until its answer is as expected.
pub fn wait_for_kv(server: &Server, operation: &str, expected: &str) {
    let begin = Instant::now();
    loop {
        let answer = kv(server, operation);
        if answer == expected {
            return;
        }
        assert!(
            begin.elapsed() < WAIT_LIMIT,
            "{operation}: {answer}; log:\n{}",
            server.log()
        );
    }
}

/// A limit on the size of files stands for a full disk.
#[test]
fn a_store_works_again_once_there_is_room() {
    let site = Site::new(&[]);
    let file = site.at("store");
    let options = Server::options_under("-S -f 65536");
    let server = with_store(options, &file);
    assert_eq!(kv(&server, "set?key=first&value=1"), "set");
    let mut stored = 0;
    let error = loop {
        let answer = kv(&server, &format!("set?key=k{stored}&value=x&times=1000000"));
        match answer.as_str() {
            "set" => stored += 1,
            _ => break answer,
        }
        assert!(stored < 100, "the store has no room for so much");
    };
    assert!(error.contains("the store failed"), "{error}");
    let line = server.wait_for_log("the error", |line| line.contains("key-value store"));
    for part in [
        "ERROR",
        "test_grants",
        &file.display().to_string(),
        "make room",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    for _ in 0..100 {
        let answer = kv(&server, "set?key=more&value=x&times=1000000");
        assert!(answer.contains("the store failed"), "{answer}");
    }
    wait_for_kv(&server, "get?key=first", "1");
    wait_for_kv(&server, "exists?key=k0", "true");
    let lines = server
        .log()
        .lines()
        .filter(|line| line.contains("key-value store"))
        .count();
    assert!(lines < 20, "{lines} lines: {}", server.log());

    let room = Rlimit {
        current: None,
        maximum: getrlimit(Resource::Fsize).maximum,
    };
    prlimit(Some(process(&server)), Resource::Fsize, room).expect("the limit can be raised");
    wait_for_kv(&server, "set?key=more&value=x&times=1000000", "set");
    server.wait_for_log("the end", |line| line.contains("works again"));
    assert_eq!(kv(&server, "get?key=first"), "1");
    assert_eq!(kv(&server, &format!("exists?key=k{}", stored - 1)), "true");
}

/// A file that is cut short stands for a disk that cannot be read.
#[test]
fn a_store_that_cannot_be_read_fails_its_handler_only() {
    let site = Site::new(&[]);
    let file = site.at("store");
    let server = with_store(Server::options(), &file);
    for number in 0..20 {
        let set = kv(&server, &format!("set?key=k{number}&value=x&times=100000"));
        assert_eq!(set, "set");
    }
    // A server that was just started has read none of the values.
    drop(server);
    let server = with_store(Server::options(), &file);
    let store = fs::File::options().write(true).open(&file);
    store
        .and_then(|store| store.set_len(1 << 16))
        .expect("the file can be cut");
    let mut failed = 0;
    for number in 0..20 {
        let answer = kv(&server, &format!("get?key=k{number}"));
        failed += usize::from(answer.contains("the store failed"));
    }
    assert!(failed > 0, "{}", server.log());
    let line = server.wait_for_log("the error", |line| line.contains("key-value store"));
    assert!(line.contains(&file.display().to_string()), "{line}");
    // The handler itself, and the server with it, goes on.
    assert_eq!(server.get("/none").text(), "no such thing");
}

/// The system may take descriptors away while the server runs.
#[test]
fn a_server_without_descriptors_accepts_again_once_there_are_some() {
    let site = Site::new(&[("index.html", "page")]);
    let server = Server::of_site(&site);
    assert_eq!(server.get("/index.html").text(), "page");
    let before = getrlimit(Resource::Nofile);
    let limit = |current: Option<u64>| {
        let limit = Rlimit {
            current,
            maximum: before.maximum,
        };
        prlimit(Some(process(&server)), Resource::Nofile, limit).expect("the limit can be set");
    };
    limit(Some(0));
    let mut client = server.connect();
    client.send(head("GET", "/index.html", &[]));
    server.wait_for_log("the error", |line| {
        line.contains("cannot accept a connection") && line.contains("ulimit -n")
    });
    limit(before.maximum.or(before.current));
    assert_eq!(client.response().text(), "page");
    // The file of the site needs a descriptor as well: a failure is visible, and it is over once there are some.
    limit(Some(0));
    assert!(client.get("/index.html").status >= 500);
    limit(before.maximum.or(before.current));
    assert_eq!(client.get("/index.html").text(), "page");
}

/// What keeps a handler from being loaded may end, without a change of its files.
#[test]
fn a_handler_goes_live_once_its_store_is_free() {
    let site = Site::new(&[]);
    let file = site.at("store");
    let other = with_store(Server::options(), &file);
    site.write("handlers/a.wasm", &answering("1"));
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .arg("--store")
        .arg(&file)
        .start();
    server.wait_for_log("the refusal", |line| {
        line.contains("in use by another process")
    });
    assert_eq!(server.get("/a").status, 503);
    drop(other);
    server.wait_for_text("/a", "1");
}

#[test]
fn a_kill_in_the_middle_of_writes_loses_no_confirmed_value() {
    let site = Site::new(&[]);
    let file = site.at("store");
    let confirmed = AtomicU64::new(0);
    for round in 1..=3 {
        let server = with_store(Server::options(), &file);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // Until the server is killed.
                    let mut client = server.connect();
                    let request = head("GET", "/kv/increment?key=n", &[]);
                    while client.try_send(&request).is_ok()
                        && let Ok(answer) = client.try_response(false)
                    {
                        let sum = answer.text().trim_end().parse().expect("a number");
                        confirmed.fetch_max(sum, Ordering::SeqCst);
                    }
                });
            }
            let begin = Instant::now();
            while confirmed.load(Ordering::SeqCst) < round * 40 {
                assert!(begin.elapsed() < WAIT_LIMIT, "{}", server.log());
                thread::sleep(Duration::from_millis(1));
            }
            kill_process(process(&server), Signal::KILL).expect("the process can be killed");
        });
    }
    let server = with_store(Server::options(), &file);
    let value: u64 = kv(&server, "get?key=n").parse().expect("a number");
    let confirmed = confirmed.into_inner();
    assert!(value >= confirmed, "{value} of {confirmed} were kept");
    assert_eq!(kv(&server, "increment?key=n"), (value + 1).to_string());
}

/// What changes is noticed whatever the clock says: nothing is compared with the time of day.
#[test]
fn a_clock_that_was_set_back_hides_no_change() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("1"));
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .start();
    for (text, time) in [
        ("2", past()),
        ("3", SystemTime::now() + Duration::from_secs(1_000_000)),
        ("4", past() - Duration::from_secs(1_000_000)),
    ] {
        site.write("handlers/a.wasm", &answering(text));
        site.set_modified("handlers/a.wasm", time);
        server.wait_for_text("/a", text);
    }
}

#[test]
fn a_kill_in_the_middle_of_a_swap_leaves_nothing_broken() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("0"));
    for round in 1..=4 {
        let server = Server::options()
            .arg("--handlers")
            .arg(site.at("handlers"))
            .start();
        assert_eq!(server.get("/a").text(), (round - 1).to_string());
        site.write("handlers/a.wasm", &answering(&round.to_string()));
        // At once, before the load, and while or after it.
        if round % 2 == 0 {
            site.write("handlers/b.wasm", &answering("b"));
            server.wait_for_text("/b", "b");
            fs::remove_file(site.at("handlers/b.wasm")).expect("the file can be removed");
        }
        drop(server);
    }
}
