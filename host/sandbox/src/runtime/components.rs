//! Compiled components, shared by all handlers that run the same bytes.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use wasmtime::component::Component;

use super::instance_size::instance_size_of;
use super::pool_size::STACK;
use crate::account::ledger::{Account, Exceeded, Held};
use crate::account::resource::Resource;

/// A compiled component. Its code, and the initial content of its memories, are charged while a handler uses it.
pub(crate) struct CompiledComponent {
    pub component: Component,
    /// Bytes that the host needs for each instance, beside linear memories and tables. Without a pool, which has a budget of
    /// its own, this includes the stack.
    pub instance_size: u64,
    _charge: Held,
}

/// The compiled components that handlers use, by their content.
pub(crate) struct Components {
    /// What they may use together.
    account: Arc<Account>,
    known: Mutex<HashMap<Content, Weak<CompiledComponent>>>,
    hashers: [RandomState; 2],
}

/// The length of a component or of all parts of a chain, and two hashes of its bytes. Their keys are random, so that nobody can construct two components
/// with the same hashes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Content {
    length: usize,
    hashes: [u64; 2],
}

impl Components {
    /// `memory` is the most bytes that the components may use together.
    pub fn new(memory: u64) -> Self {
        let account = Account::server();
        account.limit(Resource::Memory, memory);
        Self {
            account,
            known: Mutex::default(),
            hashers: Default::default(),
        }
    }

    /// The compiled component of these parts. If no handler uses it yet, `load` makes it.
    ///
    /// # Errors
    ///
    /// Those of `load`, and `no_memory` if the component exceeds the limit.
    pub fn get<E>(
        &self,
        parts: &[&[u8]],
        load: impl FnOnce() -> Result<Component, E>,
        no_memory: impl FnOnce(Exceeded) -> E,
    ) -> Result<Arc<CompiledComponent>, E> {
        let length = parts.iter().map(|bytes| bytes.len()).sum();
        let content = Content {
            length,
            hashes: self.hashers.each_ref().map(|hasher| hasher.hash_one(parts)),
        };
        if let Some(known) = self.lock().get(&content).and_then(Weak::upgrade) {
            return Ok(known);
        }
        // Without the lock, because components are loaded on several threads.
        let component = load()?;
        let mut known = self.lock();
        if let Some(other) = known.get(&content).and_then(Weak::upgrade) {
            return Ok(other);
        }
        let code = component.image_range();
        let size = code.end.addr().saturating_sub(code.start.addr()) + length;
        let stack = match component.engine().pooling_allocator_metrics() {
            Some(_) => 0,
            None => STACK,
        };
        let charge = self.account.hold(Resource::Memory, size as u64);
        let loaded = Arc::new(CompiledComponent {
            component,
            // wasmtime has accepted the bytes.
            instance_size: instance_size_of(parts)
                .map_or(u64::MAX, |size| size.bytes.saturating_add(stack)),
            _charge: charge.map_err(no_memory)?,
        });
        known.retain(|_, component| component.strong_count() > 0);
        known.insert(content, Arc::downgrade(&loaded));
        Ok(loaded)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Content, Weak<CompiledComponent>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
