//! Answers requests without sockets, so that their instructions can be counted: `count fresh|kept REQUESTS`.
//!
//! `cargo xtask count` runs this program under callgrind, with a number of requests and with twice as many. The
//! difference leaves out the start.

mod support;

use support::{Bench, SHORT, hello, whole};

fn main() {
    // When cargo runs all benches, it passes arguments of its own, and there is nothing to do.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [instance, requests] = arguments.as_slice() else {
        return;
    };
    let reuse = if instance == "kept" { u32::MAX } else { 1 };
    let requests: usize = requests.parse().expect("a number of requests");
    // A small pool, because callgrind keeps track of the whole address space.
    let bench = Bench::new(&hello(), 2, reuse);
    let mut connection = bench.connection(SHORT);
    bench.runtime.block_on(async {
        for _ in 0..requests {
            whole(&bench, &mut connection).await;
        }
    });
}
