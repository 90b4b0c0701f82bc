//! Swapping a handler under load: no request fails, and no client goes back to an older version.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Client, Server, Site, answering, component, head};

/// Six clients send requests during all ten swaps.
#[test]
fn ten_swaps_under_load_lose_no_request() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("0"));
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .start();
    let over = AtomicBool::new(false);
    let answered = thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| request_until(&over, server.connect())))
            .collect();
        for version in 1..=10 {
            let text = version.to_string();
            // Even versions are renamed into place, odd ones are copied over the file.
            if version % 2 == 0 {
                site.write("new", &answering(&text));
                fs::rename(site.at("new"), site.at("handlers/a.wasm"))
                    .expect("the file can be renamed");
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
    for versions in answered {
        assert_eq!(
            versions.last(),
            Some(&10),
            "the newest version answers last"
        );
        assert!(
            versions.is_sorted(),
            "an older version answered after a newer one: {versions:?}"
        );
        assert!(versions.len() > 10);
    }
}

/// Sends requests on one connection until `over` is set. Returns the versions that answered, in order.
fn request_until(over: &AtomicBool, mut client: Client) -> Vec<u32> {
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
fn a_running_request_ends_on_its_first_version() {
    let site = Site::new(&[]);
    fs::create_dir_all(site.at("handlers")).expect("the folder can be made");
    fs::copy(component("untrusted"), site.at("handlers/echo.wasm"))
        .expect("the file can be copied");
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .start();
    let mut slow = server.connect();
    let fields = [("Content-Length", "5"), ("Expect", "100-continue")];
    slow.send(head("POST", "/echo/echo", &fields));
    let answer = slow.response();
    assert_eq!(answer.status, 100, "the handler waits for the body");
    site.write("handlers/echo.wasm", &answering("new"));
    server.wait_for_text("/echo", "new");
    slow.send("hello");
    assert_eq!(slow.response().text(), "hello");
    // The next request on the connection gets the new version.
    assert_eq!(slow.get("/echo").text(), "new");
}

#[test]
fn swaps_the_handler_of_a_flag_and_survives_its_removal() {
    let site = Site::new(&[]);
    let file = site.write("a.wasm", &answering("1"));
    let server = Server::options().arg("--handler").arg(&file).start();
    assert_eq!(server.get("/").text(), "1");
    site.write("a.wasm", &answering("2"));
    server.wait_for_text("/", "2");
    fs::remove_file(&file).expect("the file can be removed");
    server.wait_for_log("the missing file", |line| {
        line.contains("a.wasm: the file does not exist") && line.contains("keeps serving")
    });
    assert_eq!(server.get("/").text(), "2");
}
