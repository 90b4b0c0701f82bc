//! Eviction of idle connections: when all permits are taken, a new connection replaces an idle one.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Lets listeners that need a permit ask idle connections to close.
#[derive(Default)]
pub(super) struct Eviction {
    /// The number of listeners that wait for a connection to close.
    waiting: AtomicUsize,
    /// Wakes the connection that has been idle for longest: `Notify` wakes its waiters in the order they came.
    wake: Notify,
}

impl Eviction {
    /// Asks for one idle connection to close. The listener calls [`Self::finish`] when it needs no more room.
    pub fn request(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Ends a [`request`](Self::request), whichever connection made the room.
    pub fn finish(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Completes when the idle connection that awaits this must close.
    pub async fn requested(&self) {
        loop {
            self.wake.notified().await;
            // A notification may outlive its request: another connection may have closed by itself meanwhile.
            if self.waiting.load(Ordering::Relaxed) > 0 {
                return;
            }
        }
    }
}
