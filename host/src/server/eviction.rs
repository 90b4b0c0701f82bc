//! Making room: an idle connection gives its place to one that has just come.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Where listeners without a place meet idle connections.
#[derive(Default)]
pub(super) struct Eviction {
    /// Listeners that wait for a place.
    wanted: AtomicUsize,
    /// Wakes whoever has waited longest.
    wake: Notify,
}

impl Eviction {
    /// Asks for a place; to be followed by [`Self::done`] when one was had, from whomever.
    pub fn ask(&self) {
        self.wanted.fetch_add(1, Ordering::Relaxed);
        self.wake.notify_one();
    }

    pub fn done(&self) {
        self.wanted.fetch_sub(1, Ordering::Relaxed);
    }

    /// Completes when the connection that waits here is to give up its place.
    pub async fn asked(&self) {
        loop {
            self.wake.notified().await;
            // A call outlives its need where the place came from a connection that ended by itself.
            if self.wanted.load(Ordering::Relaxed) > 0 {
                return;
            }
        }
    }
}
