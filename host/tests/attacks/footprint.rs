//! What a server holds of the machine, before and after an attack.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Server, WAIT_LIMIT};

/// The memory, open files and threads of a server.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// In bytes.
    pub memory: u64,
    pub files: usize,
    pub threads: usize,
}

impl Footprint {
    /// The footprint of a server, which should have done some work before: it starts threads when it first needs them.
    pub fn of(server: &Server) -> Self {
        Self {
            memory: server.memory(),
            files: server.open_files(),
            threads: server.threads(),
        }
    }

    /// Waits until the server holds no more than before, but for what it keeps for the next requests.
    pub fn assert_regained(&self, server: &Server, after: &str) {
        let most = Self {
            memory: self.memory + KEPT_MEMORY,
            files: self.files + KEPT_FILES,
            threads: self.threads + KEPT_THREADS,
        };
        let begin = Instant::now();
        loop {
            let now = Self::of(server);
            if now.memory <= most.memory && now.files <= most.files && now.threads <= most.threads {
                return;
            }
            assert!(
                begin.elapsed() < WAIT_LIMIT,
                "after {after} the server holds {now:?}, and before {self:?}; log:\n{}",
                server.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Fails if the server ever held this many bytes more.
    pub fn assert_never_exceeded(&self, server: &Server, bytes: u64, after: &str) {
        let grown = server.most_memory().saturating_sub(self.memory);
        assert!(grown <= bytes, "{after}: {grown} bytes at some time");
    }
}

/// Bytes that the pool and the allocator keep: 2 MiB for each place in the pool that was used, and the pages of their heaps.
const KEPT_MEMORY: u64 = 160 << 20;

/// Files of the threads that the server starts when it first needs them.
const KEPT_FILES: usize = 8;

/// Threads that the server starts when it first needs them, and threads of the blocking pool, which end after ten seconds
/// without work.
const KEPT_THREADS: usize = 16;
