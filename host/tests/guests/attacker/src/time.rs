//! Attacks that take time without using the processor.

use std::io::Read;

use crate::wasi::clocks::monotonic_clock::{subscribe_duration, subscribe_instant};
use crate::wasi::io::poll::poll;
use crate::{Request, Response, no_such_attack, text};

pub fn run(attack: &str, request: Request) -> Response {
    match attack {
        "sleep" => subscribe_duration(u64::MAX).block(),
        // A time that the host's clock cannot add to the present.
        "instant" => subscribe_instant(u64::MAX).block(),
        "short-sleeps" => loop {
            subscribe_duration(1_000_000).block();
        },
        "many-timers" => {
            let timers: Vec<_> = (0..100).map(|n| subscribe_duration(u64::MAX - n)).collect();
            let _ = poll(&timers.iter().collect::<Vec<_>>());
        }
        "input" => {
            let mut input = Vec::new();
            let read = std::io::stdin().read_to_end(&mut input);
            return text(format!("{read:?}\n"));
        }
        // Waits for a body that the client does not send.
        "body" => {
            if let Some(body) = &request.body {
                while body.blocking_read(1 << 20).is_ok() {}
            }
        }
        _ => return no_such_attack(),
    }
    text("the time is over\n")
}
