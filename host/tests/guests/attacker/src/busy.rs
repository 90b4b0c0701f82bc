//! Attacks that only compute or fill memory. Those of `host/tests/attacks/guests` go further; these are for the benchmark.

use std::hint::black_box;

use crate::query::Query;
use crate::wasi::clocks::monotonic_clock::now;
use crate::{Response, no_such_attack, text};

pub fn run(attack: &str, query: &Query) -> Response {
    match attack {
        "loop" => loop {
            black_box(());
        },
        // Keeps a processor busy for `n` microseconds, as far as the clock shows.
        "micros" => {
            let end = now() + query.number("n", 1_500) * 1_000;
            while now() < end {
                for turn in 0..1_000 {
                    black_box(turn);
                }
            }
        }
        // Fills `n` mebibytes.
        "memory" => {
            let pieces = (0..query.number("n", 16)).map(|_| vec![1_u8; 1 << 20]);
            black_box(pieces.collect::<Vec<_>>());
        }
        _ => return no_such_attack(),
    }
    text("done\n")
}
