//! Attackers: guests, clients and folders that take more than their part, and what they get.
//!
//! After each attack a neighbour's hello is answered, and the server holds as much memory, as many files and as many threads
//! as before. How long the neighbour waits is a matter of the benchmark (`cargo xtask bench --only attacks`).

// It reads what the server holds from /proc.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod attack;
mod footprint;
mod guests;

mod clients;
mod concurrent;
mod cpu;
mod files;
mod folders;
mod framing;
mod hostcalls;
mod isolation;
mod memory;
mod name_lookups;
mod outbound;
mod output;
mod time;
