//! The queue of a lane, for all its threads.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::run_queue::{RunQueue, Ticket};
use super::virtual_time::Progress;
use crate::client_network::ClientNetwork;

/// The queued requests of a lane.
pub(super) struct Lane {
    state: Mutex<State>,
    /// The number of queued requests, to be read without the lock.
    queued: AtomicUsize,
    /// The virtual time of the handler that was served last.
    now: AtomicU64,
}

struct State {
    queue: RunQueue<Arc<Progress>>,
    /// Those of the lane's servers that have nothing to do: pumps of the fast lane, slots of the slow lane.
    idle: usize,
}

impl Lane {
    /// A lane that serves `servers` requests at once.
    pub fn new(servers: usize) -> Self {
        Self {
            state: Mutex::new(State {
                queue: RunQueue::new(),
                idle: servers,
            }),
            queued: AtomicUsize::new(0),
            now: AtomicU64::new(0),
        }
    }

    /// Whether no request is queued.
    pub fn is_empty(&self) -> bool {
        self.queued.load(Ordering::Relaxed) == 0
    }

    /// How far the handler is ahead of the one that was served last.
    pub fn lead(&self, progress: &Progress) -> u64 {
        let now = self.now.load(Ordering::Relaxed);
        progress.time(now).saturating_sub(now)
    }

    /// Queues a request. Returns its ticket, and whether an idle server was called for it.
    pub fn push(
        &self,
        progress: &Arc<Progress>,
        client: ClientNetwork,
        waker: &Waker,
    ) -> (Ticket, bool) {
        let mut state = self.lock();
        let ticket = self.push_to(&mut state, progress, client, waker);
        let called = state.idle > 0;
        state.idle -= usize::from(called);
        (ticket, called)
    }

    /// Takes an idle server for a request, or queues it if there is none.
    pub fn push_if_busy(
        &self,
        progress: &Arc<Progress>,
        client: ClientNetwork,
        waker: &Waker,
    ) -> Option<Ticket> {
        let mut state = self.lock();
        if state.idle > 0 {
            state.idle -= 1;
            return None;
        }
        Some(self.push_to(&mut state, progress, client, waker))
    }

    /// Queues a request whose server is about to [serve the next one](Self::serve_next).
    pub fn push_behind(
        &self,
        progress: &Arc<Progress>,
        client: ClientNetwork,
        waker: &Waker,
    ) -> Ticket {
        self.push_to(&mut self.lock(), progress, client, waker)
    }

    fn push_to(
        &self,
        state: &mut State,
        progress: &Arc<Progress>,
        client: ClientNetwork,
        waker: &Waker,
    ) -> Ticket {
        let time = progress.time(self.now.load(Ordering::Relaxed));
        let handler = progress.handler();
        let ticket = state.queue.push(handler, progress, time, client, waker);
        progress.queued.fetch_add(1, Ordering::Relaxed);
        self.queued.store(state.queue.len(), Ordering::Relaxed);
        ticket
    }

    /// Whether the request is still queued. If so, its turn wakes the waker.
    pub fn is_queued(&self, ticket: Ticket, waker: &Waker) -> bool {
        self.lock().queue.is_queued(ticket, waker)
    }

    /// Removes a request from the queue. Returns false if its turn came before.
    pub fn withdraw(&self, progress: &Progress, ticket: Ticket) -> bool {
        let mut state = self.lock();
        let withdrawn = state.queue.withdraw(ticket);
        if withdrawn {
            progress.queued.fetch_sub(1, Ordering::Relaxed);
            self.queued.store(state.queue.len(), Ordering::Relaxed);
        }
        withdrawn
    }

    /// Wakes the request that is next. Returns false if there is none; a server that `may_idle` is idle then.
    pub fn serve_next(&self, may_idle: bool) -> bool {
        let mut state = self.lock();
        let now = self.now.load(Ordering::Relaxed);
        let Some(next) = state.queue.pop(|progress| progress.time(now)) else {
            state.idle += usize::from(may_idle);
            return false;
        };
        self.now.store(now.max(next.time), Ordering::Relaxed);
        next.progress.queued.store(next.left, Ordering::Relaxed);
        self.queued.store(state.queue.len(), Ordering::Relaxed);
        drop(state);
        next.waker.wake();
        true
    }

    /// Charges CPU time, in nanoseconds, to a client among those of a handler.
    pub fn charge(&self, progress: &Arc<Progress>, client: ClientNetwork, used: u64) {
        self.lock().queue.charge(progress.handler(), client, used);
    }

    /// Returns a server that ended with requests in the queue.
    pub fn release(&self) {
        self.lock().idle += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
