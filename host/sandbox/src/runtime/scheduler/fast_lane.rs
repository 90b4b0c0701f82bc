//! The fast lane: guests run on the thread that read their request, as long as that delays no other handler.
//!
//! A handler may use [`TURN`] of CPU time in each turn of a thread ([`super::turn`]). Its further requests queue. When all
//! that was ready on a thread has run, a pump wakes the next queued request, and in the same turn those after it, until they
//! have used [`QUANTUM`] together. So a request of another handler waits for one such quantum, and so do responses, new
//! connections, and what the server answers itself. While requests queue, no handler gets ahead of them by more than a
//! quantum: beyond that its requests queue as well, and the one that used least is next.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::task::yield_now;

use super::cpu_share::{CpuShare, Lanes};
use super::run_queue::Ticket;
use super::turn;
use crate::client_network::ClientNetwork;

/// The turns of one request in the fast lane: its guest is polled at once, or when its turn comes.
pub(crate) struct FastTurn {
    share: Arc<CpuShare>,
    client: ClientNetwork,
    state: State,
}

enum State {
    /// The guest has not asked for its next turn.
    Out,
    Queued(Ticket),
    /// The turn came.
    Served,
}

impl FastTurn {
    /// The turns of a request from `client`, for a handler with this share.
    pub fn new(share: Arc<CpuShare>, client: ClientNetwork) -> Self {
        Self {
            share,
            client,
            state: State::Out,
        }
    }

    /// Whether the guest may be polled at once.
    pub fn is_free(&self) -> bool {
        let CpuShare { lanes, fast, .. } = &*self.share;
        let has_time = turn::used(fast.handler()) < TURN;
        // Where others are queued, it must not be ahead of them.
        let is_next =
            || lanes.fast.is_empty() || fast.is_unqueued() && lanes.fast.lead(fast) < QUANTUM;
        // Without a runtime there is no pump that could serve a queue.
        has_time && is_next() || Handle::try_current().is_err()
    }

    /// Waits until the guest may be polled once.
    pub async fn wait(&mut self) {
        poll_fn(|context| self.poll(context)).await;
    }

    /// As [`wait`](Self::wait).
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (lanes, waker) = (&self.share.lanes, context.waker());
        match self.state {
            State::Served => Poll::Ready(()),
            State::Out if self.is_free() => Poll::Ready(()),
            State::Out => {
                let (ticket, called) = lanes.fast.push(&self.share.fast, self.client, waker);
                self.state = State::Queued(ticket);
                if called {
                    tokio::spawn(Pump::start(lanes.clone()).run());
                }
                Poll::Pending
            }
            State::Queued(ticket) if lanes.fast.is_queued(ticket, waker) => Poll::Pending,
            State::Queued(_) => {
                self.state = State::Served;
                Poll::Ready(())
            }
        }
    }

    /// Ends the turn. `used` is the CPU time of the poll, in nanoseconds.
    pub(super) fn end(&mut self, used: u64) {
        let CpuShare { lanes, fast, .. } = &*self.share;
        let was_served = matches!(self.state, State::Served);
        self.state = State::Out;
        let served = turn::record(fast.handler(), used, was_served);
        if was_served {
            lanes.fast.charge(fast, self.client, used);
            if served < QUANTUM {
                lanes.fast.serve_next(false);
            }
        }
    }

    /// The share of the handler, and the client, for the slow lane.
    pub(super) fn owner(&self) -> (Arc<CpuShare>, ClientNetwork) {
        (self.share.clone(), self.client)
    }
}

impl Drop for FastTurn {
    fn drop(&mut self) {
        // If its turn came, the pump serves the next request in any case.
        if let State::Queued(ticket) = self.state {
            self.share.lanes.fast.withdraw(&self.share.fast, ticket);
        }
    }
}

/// The task that serves the queue for as long as there are requests. There is at most one for each thread.
struct Pump {
    lanes: Arc<Lanes>,
    over: bool,
}

impl Pump {
    fn start(lanes: Arc<Lanes>) -> Self {
        Self { lanes, over: false }
    }

    async fn run(mut self) {
        while !self.over {
            // The request that was woken runs next on this thread. Another thread that has nothing to do takes the pump.
            turn::after_ready_tasks().await;
            // The sockets are polled, and what has become ready runs first.
            yield_now().await;
            turn::after_ready_tasks().await;
            // Where more tasks are ready than fit into the queue of a thread, the others are in a common one.
            for _ in 0..MOST_ROUNDS {
                if Handle::current().metrics().global_queue_depth() == 0 {
                    break;
                }
                turn::after_ready_tasks().await;
            }
            turn::begin();
            self.over = !self.lanes.fast.serve_next(true);
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        // The runtime ended first.
        if !self.over {
            self.lanes.fast.release();
        }
    }
}

/// The CPU time, in nanoseconds, that a handler may use in a turn before its requests queue. A batch of 256 cheap requests
/// uses less, because queueing costs as much as a part of such a request.
const TURN: u64 = 4_000_000;

/// The CPU time, in nanoseconds, for which the queue is served in a turn, and by which a handler may get ahead of it.
const QUANTUM: u64 = 1_000_000;

/// How often a pump lets others go first while the common queue has tasks. They may be tasks that come again and again.
const MOST_ROUNDS: usize = 32;
