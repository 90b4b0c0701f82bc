//! Runs loads on the blocking pool, a few at once, and sends each result to the watcher.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::desired_state::HandlerKey;
use super::load::{LoadOutcome, Loader};
use super::managed_handler::ManagedHandler;

/// A message to the watcher.
pub(super) enum Event {
    Loaded {
        key: HandlerKey,
        /// The number that [`LoadQueue::push`] gave this load.
        number: u64,
        outcome: LoadOutcome,
    },
    Reload,
    Stop,
}

pub(super) struct LoadQueue {
    loader: Arc<Loader>,
    permits: Arc<Semaphore>,
    events: Sender<Event>,
    /// The number of the last load.
    count: u64,
}

impl LoadQueue {
    pub fn new(loader: Loader, events: Sender<Event>) -> Self {
        Self {
            loader: Arc::new(loader),
            permits: Arc::new(Semaphore::new(MAX_LOADS)),
            events,
            count: 0,
        }
    }

    /// Starts a load of the handler, which ends with an [`Event::Loaded`].
    pub fn push(&mut self, key: &HandlerKey, handler: &mut ManagedHandler) {
        self.count += 1;
        let number = self.count;
        handler.load_started(number);
        let (loader, events) = (self.loader.clone(), self.events.clone());
        let (key, source, live) = (key.clone(), handler.source().clone(), handler.live.clone());
        let permits = self.permits.clone();
        self.loader.runtime.spawn(async move {
            // The semaphore is never closed.
            let Ok(_permit) = permits.acquire().await else {
                return;
            };
            let loaded = spawn_blocking(move || loader.load(&source, live.as_deref())).await;
            // A load that panics must end with an event too: the start of the server waits for it.
            let outcome = loaded
                .unwrap_or_else(|error| LoadOutcome::Refused(format!("loading failed: {error}")));
            let _ = events.send(Event::Loaded {
                key,
                number,
                outcome,
            });
        });
    }
}

/// Maximum number of loads at once. Most loads wait for the compiler, which has a limit of its own, or for the disk.
const MAX_LOADS: usize = 4;
