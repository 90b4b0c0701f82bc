//! Interfaces of Spin and wasmCloud.

use crate::fermyon::spin::{key_value, variables};
use crate::query::Query;
use crate::wasi::config0_2_0_draft::runtime;
use crate::wasi::config0_2_0_draft_2024_09_27::store as config;
use crate::wasi::keyvalue0_2_0_draft2::{atomics, batch, store};
use crate::wasi::logging::logging;

pub fn run(operation: &str, query: &Query) -> Result<String, String> {
    let done = match operation {
        "config" => {
            let name = query.text("name");
            let mut all = (
                runtime::get_all().map_err(shown)?,
                config::get_all().map_err(shown)?,
            );
            all.0.sort();
            all.1.sort();
            let one = (runtime::get(name), config::get(name));
            format!("{one:?} {all:?}")
        }
        "variable" => variables::get(query.text("name")).map_err(shown)?,
        "log" => {
            let levels = [
                logging::Level::Trace,
                logging::Level::Debug,
                logging::Level::Info,
                logging::Level::Warn,
                logging::Level::Error,
                logging::Level::Critical,
            ];
            // The query cannot have these characters.
            let message = query.text("message");
            let message = message.replace('~', "\n").replace('!', "\u{1b}");
            for level in levels {
                logging::log(level, query.text("context"), &message);
            }
            "logged".into()
        }
        // Writes `count` lines of 1000 bytes.
        "log-much" => {
            for _ in 0..query.number("count").unwrap_or(1) {
                logging::log(logging::Level::Error, "", &"x".repeat(1000));
            }
            "logged".into()
        }
        "spin" => {
            let store = key_value::Store::open(query.text("store")).map_err(shown)?;
            let before = store.get("k").map_err(shown)?;
            store.set("k", b"value").map_err(shown)?;
            store.set("other", b"").map_err(shown)?;
            store.delete("other").map_err(shown)?;
            let exists = [store.exists("k"), store.exists("other")];
            let exists = exists.map(|exists| format!("{exists:?}"));
            let keys = store.get_keys().map_err(shown)?;
            format!("{before:?} {:?} {exists:?} {keys:?}", store.get("k"))
        }
        "draft2" => {
            let bucket = store::open(query.text("bucket")).map_err(shown)?;
            bucket.set("k", b"value").map_err(shown)?;
            let many = batch::get_many(&bucket, &["k".into(), "none".into()]).map_err(shown)?;
            let sums = [3, -5].map(|delta| atomics::increment(&bucket, "n", delta));
            let page = bucket.list_keys(None).map_err(shown)?;
            let wrong = bucket.list_keys(Some("elsewhere")).is_err();
            let keys = (page.keys, page.cursor, wrong);
            batch::delete_many(&bucket, &["k".into(), "n".into()]).map_err(shown)?;
            format!("{many:?} {sums:?} {keys:?} {:?}", bucket.exists("k"))
        }
        // Lists all keys, page by page, after `count` were set.
        "draft2-pages" => {
            let bucket = store::open("pages").map_err(shown)?;
            let count = query.number("count").unwrap_or(0);
            let entries: Vec<_> = (0..count).map(|n| (format!("k{n}"), Vec::new())).collect();
            batch::set_many(&bucket, &entries).map_err(shown)?;
            let (mut cursor, mut pages, mut keys) = (None, 0, 0);
            loop {
                let page = bucket.list_keys(cursor.as_deref()).map_err(shown)?;
                (pages, keys) = (pages + 1, keys + page.keys.len());
                cursor = page.cursor;
                if cursor.is_none() {
                    break format!("{keys} keys, {pages} pages");
                }
            }
        }
        // Swaps a value that another writer changes in between, and once more with the handle of the error.
        "swap" => {
            let bucket = store::open("swaps").map_err(shown)?;
            let swap = atomics::Cas::new(&bucket, "k").map_err(shown)?;
            let first = swap.current().map_err(shown)?;
            bucket.set("k", b"theirs").map_err(shown)?;
            let retry = match atomics::swap(swap, b"mine") {
                Err(atomics::CasError::CasFailed(retry)) => retry,
                other => return Err(format!("{other:?}\n")),
            };
            let second = retry.current().map_err(shown)?;
            let swapped = atomics::swap(retry, b"mine").is_ok();
            let last = bucket.get("k").map_err(shown)?;
            bucket.delete("k").map_err(shown)?;
            let text = [first, second, last].map(|value| {
                value.map_or("none".into(), |value| {
                    String::from_utf8_lossy(&value).into_owned()
                })
            });
            format!("{text:?} {swapped}")
        }
        // Adds 1 to a number by compare-and-swap, as often as it needs.
        "swap-count" => {
            let bucket = store::open("swaps").map_err(shown)?;
            let mut swap = atomics::Cas::new(&bucket, "count").map_err(shown)?;
            loop {
                let current = swap.current().map_err(shown)?.unwrap_or_default();
                let number: u64 = String::from_utf8_lossy(&current).parse().unwrap_or(0);
                let next = (number + 1).to_string();
                match atomics::swap(swap, next.as_bytes()) {
                    Ok(()) => break next,
                    Err(atomics::CasError::CasFailed(retry)) => swap = retry,
                    Err(error) => return Err(format!("{error:?}\n")),
                }
            }
        }
        _ => return Err("no such operation".into()),
    };
    Ok(done + "\n")
}

fn shown(error: impl std::fmt::Debug) -> String {
    format!("{error:?}\n")
}
