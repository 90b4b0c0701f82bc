//! Instances: made for a request, taken down after it, or with `--reuse` kept for some more.

use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::Store;

use super::contract;
use super::engine::Slot;
use super::handler::Handler;
use super::state::State;

/// A guest that is ready for a request.
pub(super) struct Live {
    pub store: Store<State>,
    pub exports: contract::Exports,
    /// Requests that it has begun to answer.
    pub served: u32,
}

/// The instance that answered a request, for as long as the answer is on its way.
///
/// Dropping it takes the instance down or keeps it for the next request; either way its place among the instances
/// is free then.
pub struct Instance {
    live: Option<Live>,
    handler: Arc<Handler>,
    // Dropped last: a place is free when the memory behind it is.
    _slot: Slot,
}

impl Instance {
    pub(super) fn new(live: Live, handler: Arc<Handler>, slot: Slot) -> Self {
        Self {
            live: Some(live),
            handler,
            _slot: slot,
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            self.handler.give_back(live);
        }
    }
}

/// The instances of a handler that wait for their next request.
///
/// Only those come here that answered in full. There are never more than requests ran at once, since a request takes
/// one from here before it makes one.
#[derive(Default)]
pub(super) struct Kept(Mutex<Vec<Live>>);

impl Kept {
    pub fn take(&self) -> Option<Live> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub fn put(&self, live: Live) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(live);
    }
}
