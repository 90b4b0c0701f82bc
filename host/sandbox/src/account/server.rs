//! The account of the server, and how its handlers share the memory.
//!
//! Half of the memory is guaranteed to the handlers in equal parts. The other half goes to whichever handler asks first, up
//! to the limit of the handler. The permits of the [fair queue](crate::admission) are shared in the same way.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::ledger::Account;
use super::resource::{Resource, Scope, UNLIMITED};

/// The account of the server, above the accounts of its handlers.
pub(crate) struct ServerAccount {
    account: Arc<Account>,
    /// The accounts that share the memory.
    handlers: Mutex<Vec<Weak<Account>>>,
}

impl ServerAccount {
    /// `memory` is the most bytes that all handlers together may use.
    pub fn new(memory: u64) -> Self {
        let account = Account::server();
        account.limit(Resource::Memory, memory);
        Self {
            account,
            handlers: Mutex::default(),
        }
    }

    /// Limits what all handlers together may use of a resource other than memory.
    pub fn limit(&self, resource: Resource, most: u64) {
        self.account.limit(resource, most);
    }

    pub fn limit_of(&self, resource: Resource) -> u64 {
        self.account.limit_of(resource)
    }

    /// The account of one more handler, with its part of the memory. The handler may use at most `limit` bytes.
    pub fn handler(&self, limit: u64) -> Arc<Account> {
        let handler = self.account.sharing_child(Scope::Handler);
        let handler = Arc::new(handler.limited(Resource::Memory, limit));
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        handlers.retain(|other| other.strong_count() > 0);
        handlers.push(Arc::downgrade(&handler));
        self.divide(&handlers);
        handler
    }

    fn divide(&self, handlers: &[Weak<Account>]) {
        let memory = self.account.limit_of(Resource::Memory);
        if memory == UNLIMITED {
            return;
        }
        let equal = memory / 2 / handlers.len().max(1) as u64;
        for handler in handlers.iter().filter_map(Weak::upgrade) {
            handler.guarantee(equal.min(handler.limit_of(Resource::Memory)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn take_all(account: &Account) -> u64 {
        while account.charge(Resource::Memory, MIB).is_ok() {}
        account.used(Resource::Memory) / MIB
    }

    #[test]
    fn a_handler_leaves_the_others_their_guaranteed_memory() {
        let server = ServerAccount::new(96 * MIB);
        let handlers = [UNLIMITED, 20 * MIB, 10 * MIB].map(|limit| server.handler(limit));
        let [first, second, third] = &handlers;
        // Each is guaranteed a sixth, or less if it may not use as much. The first one also takes the rest.
        assert_eq!(take_all(first), 70);
        assert_eq!(take_all(second), 16);
        assert_eq!(take_all(third), 10);
        first.release(Resource::Memory, 70 * MIB);
        assert_eq!(take_all(second), 20);
        drop(handlers);
        assert_eq!(server.account.used(Resource::Memory), 0);
        assert_eq!(take_all(&server.handler(UNLIMITED)), 96);
    }

    #[test]
    fn a_new_handler_gets_the_next_free_memory() {
        let server = ServerAccount::new(100 * MIB);
        let first = server.handler(UNLIMITED);
        assert_eq!(take_all(&first), 100);
        let second = server.handler(UNLIMITED);
        assert_eq!(take_all(&second), 25);
        assert!(first.charge(Resource::Memory, MIB).is_err());
        first.release(Resource::Memory, 25 * MIB);
        assert_eq!(take_all(&first), 75);
        assert_eq!(take_all(&second), 25);
    }

    /// Threads that charge and release while the parts change leave nothing behind.
    #[test]
    fn nothing_is_lost_or_made_when_threads_and_guarantees_race() {
        let server = ServerAccount::new(8 * MIB);
        let handlers = [server.handler(UNLIMITED), server.handler(UNLIMITED)];
        std::thread::scope(|scope| {
            for seed in 0..4_u64 {
                let handler = &handlers[seed as usize % 2];
                scope.spawn(move || {
                    for step in 0..20_000_u64 {
                        let amount = (step * 7919 + seed * 104_729) % (3 * MIB);
                        if handler.charge(Resource::Memory, amount).is_ok() {
                            handler.release(Resource::Memory, amount);
                        }
                    }
                });
            }
            for _ in 0..2_000 {
                drop(server.handler(UNLIMITED));
            }
        });
        for handler in &handlers {
            assert_eq!(handler.used(Resource::Memory), 0);
            handler.guarantee(0);
        }
        assert_eq!(server.account.used(Resource::Memory), 0);
    }
}
