//! Handlers that make the host work: endless calls, and calls that request too much at once.

use std::hint::black_box;

use crate::query::Query;
use crate::wasi::clocks::monotonic_clock::{now, subscribe_duration};
use crate::wasi::filesystem::preopens::get_directories;
use crate::wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use crate::wasi::io::poll::poll;
use crate::wasi::random::random::get_random_bytes;
use crate::{Response, reply, text};

/// Waits endlessly for something that is ready: it yields each time and never ends.
pub fn poll_without_end() -> Response {
    loop {
        subscribe_duration(0).block();
    }
}

/// Alternates half a millisecond of work with a microsecond of sleep, endlessly.
pub fn nap_without_end() -> Response {
    loop {
        let begin = now();
        while now() - begin < 500_000 {
            black_box(());
        }
        subscribe_duration(1_000).block();
    }
}

pub fn call_without_end() -> Response {
    loop {
        black_box(now());
    }
}

/// Polls a list of `n=` copies of the same pollable endlessly.
pub fn poll_a_long_list(query: &Query) -> Response {
    let ready = subscribe_duration(0);
    let list = vec![&ready; query.number("n").unwrap_or(1_000_000) as usize];
    loop {
        black_box(poll(&list));
    }
}

/// Requests `n=` random bytes in one call.
pub fn random_bytes(query: &Query) -> Response {
    let bytes = get_random_bytes(query.number("n").unwrap_or(u64::MAX));
    text(format!("{}\n", bytes.len()))
}

/// Reads the file `path=` with lengths and offsets that are too large; a line for each.
pub fn read_with_huge_lengths(query: &Query) -> Response {
    let path = query.text("path").unwrap_or("index.html");
    let Some((root, _)) = get_directories().into_iter().next() else {
        return reply(404, "no folder was granted\n");
    };
    let read = DescriptorFlags::READ;
    let Ok(file) = root.open_at(PathFlags::empty(), path, OpenFlags::empty(), read) else {
        return reply(404, "no such file\n");
    };
    let mut report = String::new();
    for (length, offset) in [
        (u64::MAX, 0),
        (u64::MAX, 1),
        (1 << 40, 0),
        (1, u64::MAX),
        (u64::MAX, u64::MAX),
    ] {
        let read = match file.read(length, offset) {
            Ok((bytes, _)) => format!("{} bytes", bytes.len()),
            Err(error) => error.message().to_owned(),
        };
        report.push_str(&format!("read {length} at {offset}: {read}\n"));
    }
    for offset in [0, u64::MAX] {
        let streamed = file
            .read_via_stream(offset)
            .map(|stream| stream.blocking_read(u64::MAX).map(|bytes| bytes.len()));
        report.push_str(&format!("stream at {offset}: {streamed:?}\n"));
    }
    text(report)
}

/// Lists the first granted folder `n=` times and keeps all the lists.
pub fn list_folder(query: &Query) -> Response {
    let Some((root, _)) = get_directories().into_iter().next() else {
        return reply(404, "no folder was granted\n");
    };
    let wanted = query.number("n").unwrap_or(1);
    let lists: Vec<_> = (0..wanted)
        .map_while(|_| root.read_directory().ok())
        .collect();
    let mut entries = 0;
    if let Some(list) = lists.first() {
        while let Ok(Some(_)) = list.read_directory_entry() {
            entries += 1;
        }
    }
    text(format!("{} lists of {entries} entries\n", lists.len()))
}
