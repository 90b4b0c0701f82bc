//! Charges the memory of the host that a guest's handles of wasi:http may use: fields, and bodies that wait to be sent.
//!
//! wasmtime keeps this memory, and bounds it for each handle. So each handle is charged with what it may use at most.

use std::sync::Arc;

use wasmtime::component::ResourceTable;

use crate::account::ledger::{Account, Exceeded};
use crate::account::resource::Resource;

/// What the handles of an instance are charged with. Dropping it gives the charge back.
pub(super) struct HandleMemory {
    account: Arc<Account>,
    calls: u32,
    charged: u64,
    /// The limit that refused more memory.
    pub refused: Option<Exceeded>,
}

impl HandleMemory {
    /// `account` is that of the handler.
    pub fn new(account: Arc<Account>) -> Self {
        Self {
            account,
            calls: 0,
            charged: 0,
            refused: None,
        }
    }

    /// To be called before each host call that may make a handle. Returns false if the instance may get no further handle,
    /// because the memory of the handler or of the server is used up.
    pub fn before_call(&mut self, table: &mut ResourceTable) -> bool {
        let is_due = self.calls.is_multiple_of(CALLS);
        self.calls = self.calls.wrapping_add(1);
        if !is_due || self.refused.is_some() {
            return self.refused.is_none();
        }
        // Each of the calls until the next count makes one handle at most.
        let handles = table.iter_mut().count() as u64 + u64::from(CALLS);
        let more = (handles * FIELDS as u64).saturating_sub(self.charged);
        if more > 0 {
            match self.account.charge(Resource::Memory, more) {
                Ok(()) => self.charged += more,
                Err(exceeded) => self.refused = Some(exceeded),
            }
        }
        self.refused.is_none()
    }
}

impl Drop for HandleMemory {
    fn drop(&mut self) {
        self.account.release(Resource::Memory, self.charged);
    }
}

/// The most bytes of the fields behind a handle, as they are in memory. A body that waits to be sent has two handles, and
/// may use a little more.
pub(super) const FIELDS: usize = 64 << 10;

/// Handles are counted before every so many calls.
const CALLS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::resource::Scope;

    #[test]
    fn handles_are_charged_before_they_use_memory() {
        let account = Arc::new(Account::server().child(Scope::Handler));
        account.limit(Resource::Memory, 40 * FIELDS as u64);
        let mut memory = HandleMemory::new(account.clone());
        let mut table = ResourceTable::new();
        let mut made = 0;
        while memory.before_call(&mut table) {
            table.push(()).unwrap();
            made += 1;
            assert!(account.used(Resource::Memory) >= made * FIELDS as u64);
        }
        assert_eq!(made, 40);
        assert!(memory.refused.is_some());
        drop(memory);
        assert_eq!(account.used(Resource::Memory), 0);
    }
}
