//! Tasks: too many of them, and tasks that do not end.

use std::future::pending;
use std::hint::black_box;

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::spawn_local;
use wasip3::wit_bindgen::{backpressure_inc, yield_async, yield_blocking};

use crate::{Answer, FOR_EVER, no_such_attack, started, text};

pub async fn run(attack: &str) -> Answer {
    match attack {
        // Calls of the host that never end, and that the guest keeps.
        "calls" => loop {
            std::mem::forget(started(wait_for(FOR_EVER)).await);
        },
        // Each call is cancelled at once.
        "cancelled-calls" => loop {
            drop(started(wait_for(FOR_EVER)).await);
        },
        "short-calls" => loop {
            wait_for(0).await;
        },
        "yields" => loop {
            yield_async().await;
        },
        "blocking-yields" => loop {
            yield_blocking();
        },
        "own-tasks" => loop {
            spawn_local(pending::<()>());
        },
        "wait" => wait_for(FOR_EVER).await,
        // Nothing could ever wake this task.
        "nothing" => pending().await,
        "loop-in-another-task" => {
            spawn_local(async {
                loop {
                    black_box(());
                }
            });
            pending().await
        }
        // The instance says that it takes no more calls.
        "back-pressure" => {
            for _ in 0..1000 {
                backpressure_inc();
            }
        }
        "loop-after-response" => {
            spawn_local(async {
                loop {
                    yield_async().await;
                }
            });
        }
        "wait-after-response" => {
            spawn_local(wait_for(FOR_EVER));
        }
        "calls-after-response" => {
            spawn_local(async {
                loop {
                    std::mem::forget(started(wait_for(FOR_EVER)).await);
                }
            });
        }
        "trap-after-response" => {
            spawn_local(async {
                yield_async().await;
                trap();
            });
        }
        _ => return no_such_attack(),
    }
    text("answered\n")
}

fn trap() {
    core::arch::wasm32::unreachable()
}
