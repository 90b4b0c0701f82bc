//! Answers requests without sockets, for a counter of instructions to watch: `count fresh|kept REQUESTS`.
//!
//! `cargo xtask count` runs it under callgrind, with some requests and with twice as many: the difference is
//! what they cost, without the start.

mod support;

use support::{Bench, SHORT, hello, whole};

fn main() {
    // Cargo runs it with arguments of its own when it runs all benches, and there is nothing to do then.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [instance, requests] = arguments.as_slice() else {
        return;
    };
    let reuse = if instance == "kept" { u32::MAX } else { 1 };
    let requests: usize = requests.parse().expect("a number of requests");
    // A small pool: a counter has to keep account of all its address space.
    let bench = Bench::new(&hello(), 2, reuse);
    let mut connection = bench.connection(SHORT);
    bench.runtime.block_on(async {
        for _ in 0..requests {
            whole(&bench, &mut connection).await;
        }
    });
}
