//! Attempts to see what belongs to other requests and other handlers.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::query::Query;
use crate::wasi::keyvalue::{atomics, batch, store};
use crate::{Response, no_such_attack, text};

static COUNT: AtomicU32 = AtomicU32::new(0);
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

thread_local! {
    static LOCAL: Cell<u32> = const { Cell::new(0) };
}

pub fn run(attack: &str, query: &Query) -> Response {
    match attack {
        // Leaves marks in every part of the instance: a static, a thread-local variable, the heap, and memory that it grew.
        "leave" => {
            COUNT.fetch_add(1, Ordering::Relaxed);
            LOCAL.set(LOCAL.get() + 1);
            if let Ok(mut kept) = KEPT.lock() {
                kept.extend((0..200).map(|_| mark().repeat(1000)));
            }
            std::mem::forget(mark().repeat(100_000));
            if query.text("end") == "trap" {
                core::arch::wasm32::unreachable();
            }
            text("left\n")
        }
        "find" => text(format!(
            "{} {} {} {}\n",
            COUNT.load(Ordering::Relaxed),
            LOCAL.get(),
            KEPT.lock().map_or(0, |kept| kept.len()),
            find(&mark())
        )),
        "environment" => text(format!(
            "{:?} {:?}\n",
            std::env::vars().collect::<Vec<_>>(),
            std::env::args().collect::<Vec<_>>()
        )),
        // Whatever identifies the store of another handler, in every place that takes a text.
        "store" => text(steal(query.text("from"))),
        _ => no_such_attack(),
    }
}

/// Looks for the secret of the handler `name` in the store that both share.
fn steal(name: &str) -> String {
    let buckets = [
        String::new(),
        "default".into(),
        name.into(),
        format!("{name}/default"),
        format!("../{name}"),
        format!("{name}\0default"),
        format!("{name}:default"),
        format!("\0{name}"),
        format!("{name}."),
        "*".into(),
        "%".into(),
    ];
    let mut report = String::new();
    for bucket in &buckets {
        let Ok(opened) = store::open(bucket) else {
            continue;
        };
        let keys = [
            "secret",
            &format!("{name}/secret"),
            &format!("{name}\0secret"),
            "\0secret",
        ]
        .map(str::to_owned);
        for key in &keys {
            if let Ok(Some(value)) = opened.get(key) {
                report += &format!("got {bucket}/{key}: {value:?}\n");
            }
        }
        if let Ok(values) = batch::get_many(&opened, &keys)
            && values.iter().any(Option::is_some)
        {
            report += &format!("got many of {bucket}\n");
        }
        for cursor in [None, Some(0), Some(1), Some(u64::MAX)] {
            if let Ok(page) = opened.list_keys(cursor)
                && !page.keys.is_empty()
            {
                report += &format!("listed {bucket} from {cursor:?}: {:?}\n", page.keys);
            }
        }
        // Changes that must not reach the other handler.
        let _ = opened.set("secret", b"overwritten");
        let _ = atomics::increment(&opened, "count", 1000);
        let _ = opened.delete("secret");
        let _ = opened.delete("count");
    }
    report + "nothing more\n"
}

/// The number of places in the whole memory where `mark` stands, without the one that `mark` is itself.
fn find(mark: &[u8]) -> usize {
    let size = core::arch::wasm32::memory_size::<0>() * 64 * 1024;
    let own = mark.as_ptr() as usize;
    (1024..size - mark.len())
        .filter(|at| *at != own)
        // SAFETY: the address lies within the memory of this instance, whose bytes are all initialized.
        .filter(|at| {
            (0..mark.len()).all(|n| unsafe { ((at + n) as *const u8).read_volatile() } == mark[n])
        })
        .count()
}

/// The bytes that a request leaves. They are computed, so that they do not stand in the component itself.
#[inline(never)]
fn mark() -> Vec<u8> {
    (0_u8..24).map(|n| n.wrapping_mul(37) ^ 0xa5).collect()
}
