//! Guests that write much: lines of the log, headers and bodies.

use crate::attack::{fails, withstands};
use crate::footprint::Footprint;
use crate::support::Server;

#[test]
fn output_without_end_ends_with_the_cpu_time() {
    let server = started("--cpu 20ms --timeout 10m");
    let attacks = ["/output/endless-lines", "/output/endless-line"];
    let before = server.log().len();
    withstands(&server, &attacks.map(|target| fails(target, 504, "(cpu)")));
    let grown = server.log().len() - before;
    assert!(grown < MOST_LOG, "{grown} bytes of log");
}

/// None of it stands at the beginning of a line or contains a control byte.
#[test]
fn output_cannot_forge_the_log() {
    let server = started("");
    for attack in [
        "control-bytes",
        "escape-sequences",
        "strange-characters",
        "cut-characters",
        "forged-lines",
        "carriage-returns?n=1000",
    ] {
        let answer = server.get(&format!("/output/{attack}"));
        assert_eq!(answer.text(), "printed\n", "{attack}: {}", server.log());
        server.wait_for_log(attack, |line| {
            line.starts_with("127.0.0.1") && line.contains(attack)
        });
    }
    let log = server.log();
    let forged = |line: &str| {
        line.starts_with("127.0.0.1") && line.contains("GET /forged")
            || line.contains("ERROR forged") && line.starts_with("2026-01-01")
    };
    assert!(!log.lines().any(forged), "{log}");
    let control = |c: char| c.is_control() && !"\n\t".contains(c) || "\u{202e}\u{2028}".contains(c);
    let found = log.chars().find(|c| control(*c));
    assert_eq!(found, None, "{}", log.escape_debug());
}

#[test]
fn output_is_bounded_in_lines_and_bytes() {
    let server = started("");
    for attack in [
        "empty-lines?n=1000000",
        "carriage-returns?n=1000000",
        "single-bytes?n=100000",
        "both-streams?n=50000",
        "long-panic?n=100000",
    ] {
        let before = server.log().len();
        server.get(&format!("/output/{attack}"));
        server.wait_for_log(attack, |line| {
            line.starts_with("127.0.0.1") && line.contains(attack)
        });
        let grown = server.log().len() - before;
        assert!(grown < MOST_LOG, "{attack}: {grown} bytes of log");
        server.assert_alive(attack);
    }
}

#[test]
fn responses_are_bounded() {
    let server = started("--memory 32MiB --timeout 10m");
    withstands(
        &server,
        &[
            fails("/output/headers?n=129", 500, "headers"),
            fails("/output/headers?n=100000", 500, "the handler"),
            fails("/output/empty-headers?n=100000", 500, "the handler"),
            fails("/output/large-header?n=40000", 500, "the handler"),
            fails("/output/large-header?n=10000000", 500, "the handler"),
        ],
    );
    let before = Footprint::of(&server);
    for n in [0, 1, 1_000_000, 10_000_000] {
        let answer = server.get(&format!("/output/large-body?n={n}"));
        assert_eq!((answer.status, answer.body.len()), (200, n));
    }
    // More than the guest's memory.
    assert_eq!(server.get("/output/large-body?n=100000000").status, 500);
    before.assert_regained(&server, "large bodies");
}

fn started(flags: &str) -> Server {
    let server = Server::options()
        .handler("test_attacker")
        .args(flags)
        .start();
    server.assert_alive("the start");
    server
}

/// Bytes of the log for the attacks of one test.
const MOST_LOG: usize = 2 << 20;
