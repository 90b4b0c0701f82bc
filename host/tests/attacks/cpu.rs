//! Guests that use the processor without end, or their stack.

use crate::attack::fails;
use crate::guests::{refuses_guests, withstands_guests};

#[test]
fn loops_end_with_their_cpu_time() {
    let attacks = [
        "/loop",
        "/loop-in-realloc",
        "/loop-in-post-return",
        "/loop-in-destructor",
        "/loop-by-tail-calls",
        "/loop-by-indirect-tail-calls",
        "/loop-of-memory-fill",
        "/loop-of-memory-copy",
        "/loop-of-memory-grow",
        "/loop-of-table-fill",
        "/loop-of-table-copy",
    ]
    .map(|target| fails(target, 504, "(cpu)"));
    withstands_guests(FLAGS, &attacks);
}

#[test]
fn endless_recursion_ends_with_the_stack() {
    let attacks = [
        "/recursion",
        "/recursion-by-indirect-calls",
        "/recursion-in-realloc",
        "/recursion-with-host-calls",
    ]
    .map(|target| fails(target, 500, "call stack exhausted"));
    withstands_guests(FLAGS, &attacks);
}

#[test]
fn guests_that_never_start_are_refused() {
    refuses_guests(
        FLAGS,
        &[
            ("loop-in-start", "(cpu)"),
            ("loop-in-start-of-another-module", "(cpu)"),
            ("recursion-in-start", "call stack exhausted"),
        ],
    );
}

/// The CPU time is short, because the slow lane gets little time on a busy machine.
const FLAGS: &str = "--cpu 10ms --timeout 10m --memory 8MiB";
