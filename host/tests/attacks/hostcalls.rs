//! Guests that make the host work: calls without end, and calls with huge lists.

use crate::attack::{Attack, fails, withstands};
use crate::footprint::Footprint;
use crate::support::{Server, Site};

#[test]
fn endless_calls_end_with_the_cpu_time() {
    let attacks = [
        "/hostcalls/random-bytes",
        "/hostcalls/clock",
        "/hostcalls/timers",
        "/hostcalls/ready-timers",
        "/hostcalls/poll",
        "/hostcalls/empty-writes",
        "/hostcalls/store-lists",
        "/hostcalls/store-reads",
    ]
    .map(|target| fails(target, 504, "(cpu)"));
    withstands_calls("--cpu 20ms --timeout 10m", &attacks);
}

#[test]
fn calls_that_ask_for_too_much_fail() {
    withstands_calls(
        "--cpu 5s --timeout 10m",
        &[
            fails("/hostcalls/all-random-bytes", 500, "the handler trapped"),
            fails("/hostcalls/poll-of-millions", 500, "the handler trapped"),
            fails("/hostcalls/poll-of-nothing", 500, "the handler trapped"),
            fails("/hostcalls/header-fields", 500, "the handler trapped"),
            fails("/hostcalls/kept-timers", 500, "the handler trapped"),
            fails("/hostcalls/kept-fields", 500, "the handler trapped"),
            fails("/hostcalls/kept-buckets", 500, "the handler trapped"),
            fails("/hostcalls/folders", 500, "the handler trapped"),
        ],
    );
}

/// Ten thousand times a mebibyte.
#[test]
fn a_batch_of_one_large_value_is_refused() {
    let site = Site::new(&[]);
    let server = started(&site, "");
    server.assert_alive("the start");
    let before = Footprint::of(&server);
    let answer = server.get("/hostcalls/one-key-many-times");
    assert_eq!(answer.text(), "Ok(()) false\n", "{}", server.log());
    before.assert_never_exceeded(&server, 256 << 20, "one value many times");
    before.assert_regained(&server, "one value many times");
}

fn withstands_calls(flags: &str, attacks: &[Attack]) {
    let site = Site::new(&[("file.txt", "content")]);
    let server = started(&site, flags);
    // Both lanes have their threads before the first measurement.
    server.get(attacks[0].target);
    withstands(&server, attacks);
}

fn started(site: &Site, flags: &str) -> Server {
    Server::options()
        .handler("test_attacker")
        .dir(&site.path(), "::/")
        .arg("--store")
        .arg(site.around().join("store"))
        .args(flags)
        .start()
}
