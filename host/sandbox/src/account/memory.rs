//! The account of memory: what each instance has, and what all of a handler's have together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::account::limits::Limits;

/// Bytes of the memories and tables of all instances of a handler, of whichever version.
#[derive(Default)]
pub(crate) struct TotalMemory(AtomicUsize);

impl TotalMemory {
    fn grow(&self, by: usize, cap: usize) -> bool {
        let grown = |used: usize| used.checked_add(by).filter(|used| *used <= cap);
        let (set, read) = (Ordering::Relaxed, Ordering::Relaxed);
        self.0.fetch_update(set, read, grown).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Counts the bytes of an instance's memories and tables, and refuses growth past the caps.
pub(crate) struct MemoryAccount {
    cap: usize,
    used: usize,
    total: Arc<TotalMemory>,
    total_cap: usize,
    /// Whether growth was refused on account of the total.
    pub exhausted: bool,
    /// What the last permitted growth added, to be given back should the growth itself fail.
    last: usize,
}

impl MemoryAccount {
    pub fn new(limits: &Limits, total: Arc<TotalMemory>) -> Self {
        Self {
            cap: limits.memory,
            used: 0,
            total,
            total_cap: limits.total_memory,
            exhausted: false,
            last: 0,
        }
    }

    fn grow(&mut self, by: usize) -> bool {
        match self.used.checked_add(by) {
            Some(used) if used <= self.cap => {
                let grown = self.total.grow(by, self.total_cap);
                if grown {
                    self.used = used;
                    self.last = by;
                }
                self.exhausted |= !grown;
                grown
            }
            _ => false,
        }
    }

    fn undo(&mut self) {
        let bytes = std::mem::take(&mut self.last);
        self.used -= bytes;
        self.total.give_back(bytes);
    }
}

impl Drop for MemoryAccount {
    fn drop(&mut self) {
        self.total.give_back(self.used);
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

    fn account(memory: usize, total_memory: usize, total: &Arc<TotalMemory>) -> MemoryAccount {
        let limits = Limits {
            memory,
            total_memory,
            ..Limits::default()
        };
        MemoryAccount::new(&limits, total.clone())
    }

    #[test]
    fn memories_and_tables_share_one_cap() {
        let mut account = account(100, usize::MAX, &Arc::default());
        assert!(account.memory_growing(0, 60, None).unwrap());
        assert!(account.memory_growing(0, 32, None).unwrap());
        assert!(!account.table_growing(0, 2, None).unwrap());
        assert!(account.table_growing(0, 1, None).unwrap());
        assert!(!account.memory_growing(60, 61, None).unwrap());
    }

    #[test]
    fn growth_that_failed_is_given_back() {
        let mut account = account(100, usize::MAX, &Arc::default());
        assert!(account.memory_growing(0, 100, None).unwrap());
        account
            .memory_grow_failed(wasmtime::format_err!("no slot"))
            .unwrap();
        assert!(account.memory_growing(0, 100, None).unwrap());
        assert!(!account.memory_growing(0, usize::MAX, None).unwrap());
    }

    #[test]
    fn instances_share_a_total() {
        let total = Arc::default();
        let mut first = account(100, 150, &total);
        let mut second = account(100, 150, &total);
        assert!(first.memory_growing(0, 100, None).unwrap());
        assert!(!second.memory_growing(0, 51, None).unwrap());
        assert!(second.exhausted);
        assert!(second.memory_growing(0, 50, None).unwrap());
        second
            .memory_grow_failed(wasmtime::format_err!("no slot"))
            .unwrap();
        assert!(second.memory_growing(0, 50, None).unwrap());
        drop(first);
        assert!(second.memory_growing(50, 100, None).unwrap());
        // Beyond its own cap, which is nobody else's fault.
        let mut third = account(100, 150, &total);
        assert!(!third.memory_growing(0, 101, None).unwrap());
        assert!(!third.exhausted);
        drop((second, third));
        assert_eq!(total.0.load(Ordering::Relaxed), 0);
    }
}
