//! Charges the linear memories and tables of an instance to its account.

use std::sync::Arc;

use super::ledger::{Account, Exceeded};
use super::resource::{Resource, Scope};

/// Refuses growth past the limits of an instance's account and of its parents.
pub(crate) struct MemoryLimiter {
    account: Arc<Account>,
    /// The limit of a parent that refused growth last.
    pub exhausted: Option<Exceeded>,
    /// The bytes of the last permitted growth, to be released if the growth itself fails.
    last: u64,
}

impl MemoryLimiter {
    pub fn new(account: Arc<Account>) -> Self {
        Self {
            account,
            exhausted: None,
            last: 0,
        }
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        match self.account.charge(Resource::Memory, bytes) {
            Ok(()) => {
                self.last = bytes;
                true
            }
            Err(exceeded) => {
                if exceeded.scope != Scope::Instance {
                    self.exhausted = Some(exceeded);
                }
                false
            }
        }
    }

    fn undo(&mut self) {
        let bytes = std::mem::take(&mut self.last);
        self.account.release(Resource::Memory, bytes);
    }
}

impl wasmtime::ResourceLimiter for MemoryLimiter {
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

/// Bytes of an element of a table: a pointer to a function.
const TABLE_ELEMENT: usize = size_of::<usize>();

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::ResourceLimiter;

    fn handler(total_memory: u64) -> Arc<Account> {
        let handler = Account::server().child(Scope::Handler);
        Arc::new(handler.limited(Resource::Memory, total_memory))
    }

    fn instance(handler: &Arc<Account>, memory: u64) -> MemoryLimiter {
        let account = handler.child(Scope::Instance);
        MemoryLimiter::new(Arc::new(account.limited(Resource::Memory, memory)))
    }

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut limiter = instance(&handler(u64::MAX), 100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 32, None).unwrap());
        assert!(!limiter.table_growing(0, 2, None).unwrap());
        assert!(limiter.table_growing(0, 1, None).unwrap());
        assert!(!limiter.memory_growing(60, 61, None).unwrap());
    }

    #[test]
    fn failed_growth_is_released() {
        let mut limiter = instance(&handler(u64::MAX), 100);
        assert!(limiter.memory_growing(0, 100, None).unwrap());
        limiter
            .memory_grow_failed(wasmtime::format_err!("no slot"))
            .unwrap();
        assert!(limiter.memory_growing(0, 100, None).unwrap());
        assert!(!limiter.memory_growing(0, usize::MAX, None).unwrap());
    }

    #[test]
    fn instances_share_the_limit_of_their_handler() {
        let handler = handler(150);
        let mut first = instance(&handler, 100);
        let mut second = instance(&handler, 100);
        assert!(first.memory_growing(0, 100, None).unwrap());
        assert!(!second.memory_growing(0, 51, None).unwrap());
        let expected = Exceeded {
            scope: Scope::Handler,
            limit: 150,
        };
        assert_eq!(second.exhausted, Some(expected));
        assert!(second.memory_growing(0, 50, None).unwrap());
        second
            .memory_grow_failed(wasmtime::format_err!("no slot"))
            .unwrap();
        assert!(second.memory_growing(0, 50, None).unwrap());
        drop(first);
        assert!(second.memory_growing(50, 100, None).unwrap());
        // Growth beyond the instance's own limit does not exhaust the handler.
        let mut third = instance(&handler, 100);
        assert!(!third.memory_growing(0, 101, None).unwrap());
        assert_eq!(third.exhausted, None);
        drop((second, third));
        assert_eq!(handler.used(Resource::Memory), 0);
    }
}
