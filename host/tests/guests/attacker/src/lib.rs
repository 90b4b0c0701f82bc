//! Attacks of a handler of belljar's own contract. The last two segments of the path choose one: the topic, which is a file
//! here, and the attack. The tests and the benchmark use them.
//!
//! Attacks that need no host function are in `host/tests/attacks/guests`, as WebAssembly text.

mod busy;
mod files;
mod framing;
mod hostcalls;
mod isolation;
mod output;
mod query;
mod reach;
mod time;

wit_bindgen::generate!({
    inline: "
        package belljar:attacker;

        world attacker {
            include belljar:handler/handler@0.1.0;
            include wasi:keyvalue/imports@0.2.0-draft;
            import wasi:http/outgoing-handler@0.2.12;
            import wasi:random/random@0.2.12;
        }

        package wasi:random@0.2.12 {
            interface random {
                get-random-bytes: func(len: u64) -> list<u8>;
                get-random-u64: func() -> u64;
            }
        }
    ",
    path: ["../../../../wit", "../../../sandbox/wit/keyvalue", "../grants/wit"],
    world: "belljar:attacker/attacker",
    generate_all,
});

use belljar::handler::types::{Body, File};
use query::Query;

struct Attacker;

impl Guest for Attacker {
    fn handle(request: Request) -> Response {
        let query = Query::of(&request);
        let path = request.path.clone();
        let mut segments = path.rsplit('/');
        let attack = segments.next().unwrap_or_default();
        match segments.next().unwrap_or_default() {
            "" if attack == "hello" => text("hello\n"),
            "busy" => busy::run(attack, &query),
            "hostcalls" => hostcalls::run(attack),
            "time" => time::run(attack, request),
            "output" => output::run(attack, &query),
            "framing" => framing::run(attack, &query),
            "files" => files::run(attack, &query),
            "isolation" => isolation::run(attack, &query),
            "reach" => reach::run(attack, &query),
            _ => no_such_attack(),
        }
    }
}

export!(Attacker);

/// A response of 200 with text.
fn text(body: impl Into<Vec<u8>>) -> Response {
    Response {
        status: 200,
        headers: vec![("Content-Type".into(), b"text/plain".to_vec())],
        body: Body::Bytes(body.into()),
    }
}

fn no_such_attack() -> Response {
    Response {
        status: 404,
        headers: Vec::new(),
        body: Body::Bytes(b"no such attack\n".to_vec()),
    }
}

/// A line of a report: what was tried, and how it ended.
fn line<T, E: std::fmt::Debug>(what: &str, result: Result<T, E>) -> String {
    match result {
        Ok(_) => format!("{what}: ALLOWED\n"),
        Err(error) => format!("{what}: refused ({error:?})\n"),
    }
}
