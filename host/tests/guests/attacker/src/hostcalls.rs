//! Attacks on the host by its own functions: endless calls, and calls with huge lists.

use std::hint::black_box;
use std::io::Write;

use crate::wasi::clocks::monotonic_clock::{now, subscribe_duration};
use crate::wasi::filesystem::preopens::get_directories;
use crate::wasi::http::types::Fields;
use crate::wasi::io::poll::poll;
use crate::wasi::keyvalue::{batch, store};
use crate::wasi::random::random::get_random_bytes;
use crate::{Response, no_such_attack, text};

pub fn run(attack: &str) -> Response {
    match attack {
        // Each call is as large as the host allows, and nothing can interrupt it.
        "random-bytes" => endless(|| get_random_bytes(1 << 20)),
        "all-random-bytes" => endless(|| get_random_bytes(u64::MAX)),
        "clock" => endless(now),
        "timers" => endless(|| subscribe_duration(0)),
        "kept-timers" => endless(|| std::mem::forget(subscribe_duration(u64::MAX))),
        "ready-timers" => endless(|| subscribe_duration(0).block()),
        "poll" => {
            let ready = subscribe_duration(0);
            let list = vec![&ready; 100];
            endless(|| poll(&list))
        }
        "poll-of-millions" => {
            let ready = subscribe_duration(0);
            let list = vec![&ready; 8_000_000];
            endless(|| poll(&list))
        }
        "poll-of-nothing" => endless(|| poll(&[])),
        "folders" => endless(|| std::mem::forget(get_directories())),
        "empty-writes" => endless(|| std::io::stdout().write(&[])),
        // The same text many times over, so that the list is larger than the guest's memory.
        "header-fields" => {
            let value = vec![b'x'; 1 << 20];
            let name = "x".to_owned();
            let list = vec![(name, value); 20];
            endless(|| Fields::from_list(&list))
        }
        "kept-header-fields" => {
            let fields = Fields::new();
            let value = vec![b'x'; 60_000];
            endless(|| fields.append("x", &value))
        }
        "kept-fields" => endless(|| std::mem::forget(Fields::new())),
        // One value of a mebibyte, ten thousand times.
        "one-key-many-times" => {
            let Ok(bucket) = store::open("") else {
                return text("no store\n");
            };
            let set = bucket.set("k", &vec![b'v'; 1 << 20]);
            let keys = vec!["k".to_owned(); 10_000];
            let got = batch::get_many(&bucket, &keys);
            text(format!("{set:?} {}\n", got.is_ok()))
        }
        "kept-buckets" => endless(|| store::open("").map(std::mem::forget)),
        "store-reads" => {
            let Ok(bucket) = store::open("") else {
                return text("no store\n");
            };
            endless(|| bucket.get("missing"))
        }
        "store-lists" => {
            let Ok(bucket) = store::open("") else {
                return text("no store\n");
            };
            endless(|| bucket.list_keys(Some(u64::MAX)))
        }
        _ => no_such_attack(),
    }
}

fn endless<T>(mut call: impl FnMut() -> T) -> ! {
    loop {
        black_box(call());
    }
}
