//! A handler is swapped while it has requests: none of them is lost, and none sees an older version than one before.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Client, Server, Site, answering, component, head};

/// Ten swaps, one after the other, with requests under way all the time.
#[test]
fn ten_swaps_under_load_lose_no_request() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("0"));
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .start();
    let over = AtomicBool::new(false);
    let asked = thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| ask_until(&over, server.connect())))
            .collect();
        for version in 1..=10 {
            let text = version.to_string();
            // As a careful deployment does it, and as a plain copy does.
            if version % 2 == 0 {
                site.write("new", &answering(&text));
                fs::rename(site.at("new"), site.at("handlers/a.wasm")).expect("it is renamed");
            } else {
                site.write("handlers/a.wasm", &answering(&text));
            }
            server.wait_for_text("/a", &text);
        }
        over.store(true, Ordering::Relaxed);
        let versions = clients.into_iter().map(|client| client.join());
        versions
            .map(|versions| versions.expect("no request failed"))
            .collect::<Vec<_>>()
    });
    for versions in asked {
        assert_eq!(versions.last(), Some(&10), "the newest has the last word");
        assert!(
            versions.is_sorted(),
            "back to an older version: {versions:?}"
        );
        assert!(versions.len() > 10);
    }
}

/// Asks again and again on one connection; which versions answered, in their order.
fn ask_until(over: &AtomicBool, mut client: Client) -> Vec<u32> {
    let mut versions = Vec::new();
    loop {
        let last = over.load(Ordering::Relaxed);
        let answer = client.get("/a");
        assert_eq!(answer.status, 200, "{}", answer.text());
        versions.push(answer.text().parse().expect("the number of a version"));
        if last {
            return versions;
        }
    }
}

#[test]
fn a_request_under_way_ends_on_the_version_that_it_began_on() {
    let site = Site::new(&[]);
    fs::create_dir_all(site.at("handlers")).expect("the folder can be made");
    fs::copy(component("untrusted"), site.at("handlers/sleep.wasm")).expect("it is copied");
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .start();
    let mut slow = server.connect();
    slow.send(head("GET", "/sleep?ms=3000", &[]));
    // The next request of the connection has the new version.
    slow.send(head("GET", "/sleep?ms=0", &[]));
    site.write("handlers/sleep.wasm", &answering("new"));
    server.wait_for_text("/sleep", "new");
    assert_eq!(slow.response().text(), "slept\n");
    assert_eq!(slow.response().text(), "new");
}

#[test]
fn a_handler_named_by_a_flag_is_swapped_too_and_outlives_its_file() {
    let site = Site::new(&[]);
    let file = site.write("a.wasm", &answering("1"));
    let server = Server::options().arg("--handler").arg(&file).start();
    assert_eq!(server.get("/").text(), "1");
    site.write("a.wasm", &answering("2"));
    server.wait_for_text("/", "2");
    fs::remove_file(&file).expect("it is removed");
    server.wait_for_log("that it is gone", |line| {
        line.contains("a.wasm: the file is not there") && line.contains("goes on serving")
    });
    assert_eq!(server.get("/").text(), "2");
}
