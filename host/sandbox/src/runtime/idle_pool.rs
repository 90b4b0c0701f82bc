//! The idle pool: instances that wait for their next request (`--reuse`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::instance::Instance;

/// The idle instances of one handler.
///
/// An instance comes here only after it has answered in full. Idle instances use memory but hold no permit: a request
/// takes one from here before it makes a new one. If the engine has no room for a new one, an idle one is taken down.
pub(crate) struct IdlePool<E> {
    instances: Mutex<Vec<Instance<E>>>,
    /// Requests that an instance may answer in all.
    reuse: u32,
    /// The number of idle instances of all handlers.
    count: Arc<AtomicUsize>,
}

/// The idle pools of all handlers.
pub(crate) struct IdlePools<E> {
    handlers: Mutex<Vec<Weak<IdlePool<E>>>>,
    count: Arc<AtomicUsize>,
}

impl<E> Default for IdlePools<E> {
    fn default() -> Self {
        Self {
            handlers: Mutex::default(),
            count: Arc::default(),
        }
    }
}

impl<E> IdlePools<E> {
    /// Adds the pool of a handler whose instances may answer up to `reuse` requests.
    pub fn add(&self, reuse: u32) -> Arc<IdlePool<E>> {
        let pool = Arc::new(IdlePool {
            instances: Mutex::default(),
            reuse,
            count: self.count.clone(),
        });
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        handlers.retain(|other| other.strong_count() > 0);
        handlers.push(Arc::downgrade(&pool));
        pool
    }

    /// Takes down idle instances while they leave no room for a new one. `free` is the number of free permits.
    pub fn make_room(&self, free: impl Fn() -> usize) {
        // Most servers keep no idle instances, and need not count the free permits.
        while self.count() > 0 && self.count() > free() && self.remove_one() {}
    }

    /// Takes down an idle instance, because all memory is in use. Returns whether there was one.
    pub fn free_memory(&self) -> bool {
        self.count() > 0 && self.remove_one()
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes down an instance of the handler with the most idle ones. Returns whether there was one.
    fn remove_one(&self) -> bool {
        let most = {
            let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
            let handlers = handlers.iter().filter_map(Weak::upgrade);
            handlers.max_by_key(|pool| pool.lock().len())
        };
        most.and_then(|pool| pool.take()).is_some()
    }
}

impl<E> IdlePool<E> {
    /// Takes an idle instance.
    pub fn take(&self) -> Option<Instance<E>> {
        if self.reuse <= 1 {
            return None;
        }
        let taken = self.lock().pop()?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(taken)
    }

    /// Keeps an instance that has answered in full, unless it has answered as many requests as it may.
    pub fn put(&self, instance: Instance<E>) {
        if instance.served >= self.reuse {
            return;
        }
        // The instance is counted before another thread can take it.
        self.count.fetch_add(1, Ordering::Relaxed);
        self.lock().push(instance);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Instance<E>>> {
        self.instances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> Drop for IdlePool<E> {
    fn drop(&mut self) {
        let idle = self.lock().len();
        self.count.fetch_sub(idle, Ordering::Relaxed);
    }
}
