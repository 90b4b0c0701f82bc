//! Handlers that use as many resources as they can.

use std::hint::black_box;
use std::thread::sleep as pause;
use std::time::Duration;

use crate::query::Query;
use crate::wasi::clocks::monotonic_clock::subscribe_duration;
use crate::wasi::filesystem::preopens::get_directories;
use crate::wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use crate::{Response, text};

pub fn run_for_ever() -> Response {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Sleeps for `ms=` milliseconds.
pub fn sleep(query: &Query) -> Response {
    pause(Duration::from_millis(query.number("ms").unwrap_or(1000)));
    text("slept\n")
}

pub fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    std::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort()
}

/// Allocates until an allocation fails, then frees everything and returns the amount.
pub fn allocate() -> Response {
    let mut hoard = Vec::new();
    let mut taken = 0_usize;
    loop {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(PIECE).is_err() {
            break;
        }
        piece.resize(PIECE, 1_u8);
        hoard.push(black_box(piece));
        taken += PIECE;
    }
    drop(hoard);
    text(format!("an allocation failed after {taken} bytes\n"))
}

/// Allocates like most programs, which do not expect a failure.
pub fn allocate_or_trap() -> Response {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; PIECE]));
    }
}

/// Grows the memory page by page until the host refuses; returns its size in bytes.
pub fn grow_memory() -> Response {
    #[cfg(target_arch = "wasm32")]
    {
        use std::arch::wasm32::{memory_grow, memory_size};
        // A reserve, so that the response itself can still be allocated.
        let reserve = vec![1_u8; 64 * 1024];
        while memory_grow::<0>(1) != usize::MAX {}
        drop(black_box(reserve));
        text(format!("{}\n", memory_size::<0>() * 64 * 1024))
    }
    #[cfg(not(target_arch = "wasm32"))]
    text("0\n")
}

pub fn recurse() -> Response {
    #[expect(
        unconditional_recursion,
        reason = "the recursion ends when the stack overflows"
    )]
    fn deeper(depth: u64) -> u64 {
        let frame = black_box([depth; 64]);
        black_box(deeper(depth + 1)) + frame[1]
    }
    text(format!("{}\n", deeper(0)))
}

pub fn flood_stdout() -> Response {
    loop {
        println!("{}", "all work and no play ".repeat(50));
    }
}

/// Prints `n=` empty lines to standard output and standard error.
pub fn print_lines(query: &Query) -> Response {
    let lines = "\n".repeat(query.number("n").unwrap_or(65_536) as usize);
    print!("{lines}");
    eprint!("{lines}");
    text("printed\n")
}

/// Opens the file `path=` repeatedly without closing it, until opening fails or `n=` are open. Then it sleeps for `ms=`
/// milliseconds.
pub fn open_many(query: &Query) -> Response {
    let path = query.text("path").unwrap_or("index.html");
    let most = query.number("n").unwrap_or(u64::MAX) as usize;
    let mut open = Vec::new();
    let Some((root, _)) = get_directories().into_iter().next() else {
        return text("no folder was granted\n");
    };
    let end = loop {
        if open.len() >= most {
            break "as many as asked for".to_owned();
        }
        match root.open_at(
            PathFlags::empty(),
            path,
            OpenFlags::empty(),
            DescriptorFlags::READ,
        ) {
            Ok(file) => open.push(file),
            Err(error) => break error.message().to_owned(),
        }
    };
    pause(Duration::from_millis(query.number("ms").unwrap_or(0)));
    text(format!("{} open, then: {end}\n", open.len()))
}

/// Creates timers and keeps them all.
pub fn spawn_many_pollables() -> Response {
    let mut timers = Vec::new();
    loop {
        timers.push(subscribe_duration(u64::MAX / 2));
    }
}

const PIECE: usize = 1024 * 1024;
