//! What an instance may use, and the account of its memory.

use std::time::Duration;

/// What a handler and each of its requests may use of the machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Wall clock of a request in the guest, from the call to the answer. Beyond it: 504.
    pub timeout: Duration,
    /// Time that a request's guest may keep a processor busy. Beyond it: 504.
    pub cpu: Duration,
    /// Bytes of all linear memories and tables of an instance together. Beyond it `memory.grow` fails.
    pub memory: usize,
    /// Bytes of all linear memories and tables of all the handler's instances together. Beyond it `memory.grow` fails.
    pub total_memory: usize,
    /// Handles (files, streams, pollables) that an instance holds at once. Beyond it: a trap, so 500.
    pub max_handles: usize,
    /// Instances of the handler that exist at once. Beyond it requests wait.
    pub max_instances: u32,
    /// Requests that wait for an instance. Beyond it: 503 at once.
    pub max_queue: u32,
    /// How long a request waits for an instance. Beyond it: 503.
    pub queue_timeout: Duration,
    /// Requests of all clients. Beyond it: 429.
    pub rate: Option<Rate>,
    /// Requests of one client, by its address (of IPv6 by its network of 64 bits). Beyond it: 429.
    pub client_rate: Option<Rate>,
}

/// How many requests may come in a time: a bucket of `burst` tokens, refilled evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In each `per`. At least 1.
    pub requests: u32,
    pub per: Duration,
    /// Requests that may come at once after a pause. At least 1.
    pub burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            cpu: Duration::from_secs(10),
            memory: 64 << 20,
            total_memory: usize::MAX,
            max_handles: 256,
            max_instances: 1000,
            max_queue: 10_000,
            queue_timeout: Duration::from_secs(5),
            rate: None,
            client_rate: None,
        }
    }
}

/// Counts the bytes of an instance's memories and tables, and refuses growth past the cap.
pub(super) struct MemoryAccount {
    cap: usize,
    used: usize,
    /// What the last permitted growth added, to be given back should the growth itself fail.
    last: usize,
}

impl MemoryAccount {
    pub fn new(cap: usize) -> Self {
        Self {
            cap,
            used: 0,
            last: 0,
        }
    }

    fn grow(&mut self, by: usize) -> bool {
        match self.used.checked_add(by) {
            Some(used) if used <= self.cap => {
                self.used = used;
                self.last = by;
                true
            }
            _ => false,
        }
    }

    fn undo(&mut self) {
        self.used -= std::mem::take(&mut self.last);
    }
}

impl wasmtime::ResourceLimiter for MemoryAccount {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(
            desired
                .saturating_sub(current)
                .saturating_mul(TABLE_ELEMENT),
        ))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }
}

/// Bytes of a table's element: a pointer to a function.
const TABLE_ELEMENT: usize = size_of::<usize>();

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::ResourceLimiter;

    #[test]
    fn memories_and_tables_share_one_cap() {
        let mut account = MemoryAccount::new(100);
        assert!(account.memory_growing(0, 60, None).unwrap());
        assert!(account.memory_growing(0, 32, None).unwrap());
        assert!(!account.table_growing(0, 2, None).unwrap());
        assert!(account.table_growing(0, 1, None).unwrap());
        assert!(!account.memory_growing(60, 61, None).unwrap());
    }

    #[test]
    fn growth_that_failed_is_given_back() {
        let mut account = MemoryAccount::new(100);
        assert!(account.memory_growing(0, 100, None).unwrap());
        account
            .memory_grow_failed(wasmtime::format_err!("no slot"))
            .unwrap();
        assert!(account.memory_growing(0, 100, None).unwrap());
        assert!(!account.memory_growing(0, usize::MAX, None).unwrap());
    }
}
