//! Where loads are ordered, a few at once, and how they are told of.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::desired_state::HandlerKey;
use super::load::{LoadOutcome, Loader};
use super::managed_handler::ManagedHandler;

/// What the supervisor is told.
pub(super) enum Event {
    Loaded {
        key: HandlerKey,
        number: u64,
        outcome: LoadOutcome,
    },
    Reload,
    Stop,
}

/// Where loads are ordered.
pub(super) struct LoadQueue {
    loader: Arc<Loader>,
    /// For loads at once.
    places: Arc<Semaphore>,
    outbox: Sender<Event>,
    count: u64,
}

impl LoadQueue {
    pub fn new(loader: Loader, outbox: Sender<Event>) -> Self {
        Self {
            loader: Arc::new(loader),
            places: Arc::new(Semaphore::new(LOADS)),
            outbox,
            count: 0,
        }
    }

    /// Has a handler loaded; an [`Event::Loaded`] tells how that ended.
    pub fn order(&mut self, key: &HandlerKey, unit: &mut ManagedHandler) {
        self.count += 1;
        let number = self.count;
        unit.begin(number);
        let (loader, outbox) = (self.loader.clone(), self.outbox.clone());
        let (key, input, old) = (key.clone(), unit.input().clone(), unit.live.clone());
        let places = self.places.clone();
        self.loader.runtime.spawn(async move {
            // Nobody closes the semaphore.
            let Ok(_place) = places.acquire().await else {
                return;
            };
            let loaded = spawn_blocking(move || loader.load(&input, old.as_deref())).await;
            // Whatever becomes of it, nobody waits for it for ever.
            let failed = |error| LoadOutcome::Refused(format!("loading it broke off: {error}"));
            let outcome = loaded.unwrap_or_else(failed);
            let _ = outbox.send(Event::Loaded {
                key,
                number,
                outcome,
            });
        });
    }
}

/// Most of a load is done by the compiler, of which there are few at once, or is waiting for the disk.
const LOADS: usize = 4;
