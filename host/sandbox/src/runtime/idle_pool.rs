//! Instances that wait for their next request (`--reuse`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::handler::lease::Live;

/// The instances of a handler that wait for their next request.
///
/// Only those come here that answered in full. They are memory in use, but have no places: a request takes one from
/// here before it makes one, and where the engine runs out of room for a new one, one of these goes.
pub(crate) struct Kept {
    instances: Mutex<Vec<Live>>,
    /// Of all handlers.
    count: Arc<AtomicUsize>,
}

/// The kept instances of all handlers.
#[derive(Default)]
pub(crate) struct AllKept {
    handlers: Mutex<Vec<Weak<Kept>>>,
    count: Arc<AtomicUsize>,
}

impl AllKept {
    /// A further handler's.
    pub fn of_handler(&self) -> Arc<Kept> {
        let kept = Arc::new(Kept {
            instances: Mutex::default(),
            count: self.count.clone(),
        });
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        handlers.retain(|other| other.strong_count() > 0);
        handlers.push(Arc::downgrade(&kept));
        kept
    }

    /// How many instances are kept.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes down one of the handler that keeps the most. Whether there was one.
    pub fn give_up_one(&self) -> bool {
        let most = {
            let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
            let handlers = handlers.iter().filter_map(Weak::upgrade);
            handlers.max_by_key(|kept| kept.lock().len())
        };
        most.and_then(|kept| kept.take()).is_some()
    }
}

impl Kept {
    pub fn take(&self) -> Option<Live> {
        let taken = self.lock().pop()?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(taken)
    }

    pub fn put(&self, live: Live) {
        // Counted before it can be taken.
        self.count.fetch_add(1, Ordering::Relaxed);
        self.lock().push(live);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Live>> {
        self.instances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let kept = self.lock().len();
        self.count.fetch_sub(kept, Ordering::Relaxed);
    }
}
