//! Operations on the key-value store.

use crate::query::Query;
use crate::wasi::keyvalue0_2_0_draft::{atomics, batch, store};

pub fn run(operation: &str, query: &Query) -> Result<String, String> {
    let bucket = store::open(query.text("bucket")).map_err(shown)?;
    let key = query.text("key");
    let done = match operation {
        "get" => match bucket.get(key).map_err(shown)? {
            Some(value) => String::from_utf8_lossy(&value).into_owned(),
            None => "none".into(),
        },
        "set" => {
            let value = query.text("value").as_bytes();
            let times = query.number("times").unwrap_or(1) as usize;
            bucket.set(key, &value.repeat(times)).map_err(shown)?;
            "set".into()
        }
        "delete" => bucket
            .delete(key)
            .map(|()| "deleted".into())
            .map_err(shown)?,
        "exists" => bucket.exists(key).map_err(shown)?.to_string(),
        "increment" => {
            let delta = query.number("delta").unwrap_or(1);
            let sum = atomics::increment(&bucket, key, delta).map_err(shown)?;
            sum.to_string()
        }
        // Sets this many keys in one batch and counts them page by page.
        "list" => {
            let count = query.number("count").unwrap_or(0);
            let entries: Vec<_> = (0..count).map(|n| (format!("k{n}"), vec![b'v'])).collect();
            batch::set_many(&bucket, &entries).map_err(shown)?;
            let (mut cursor, mut pages, mut keys) = (None, 0, Vec::new());
            loop {
                let page = bucket.list_keys(cursor).map_err(shown)?;
                pages += 1;
                keys.extend(page.keys);
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
            keys.sort();
            keys.dedup();
            format!("{} keys, {pages} pages", keys.len())
        }
        "batch" => {
            let pair = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
            let entries = [pair("a", "1"), pair("b", "2"), pair("a", "3")];
            batch::set_many(&bucket, &entries).map_err(shown)?;
            let keys = ["a", "missing", "b"].map(str::to_owned);
            let before = batch::get_many(&bucket, &keys).map_err(shown)?;
            batch::delete_many(&bucket, &keys[..2]).map_err(shown)?;
            let after = batch::get_many(&bucket, &keys).map_err(shown)?;
            format!("{before:?} {after:?}")
        }
        _ => return Err("no such operation".into()),
    };
    Ok(done + "\n")
}

fn shown(error: store::Error) -> String {
    format!("{error:?}\n")
}
