//! The slow lane: guests that keep their thread busy run on threads of low priority, in turn.
//!
//! A guest runs for a tick or two, then the next one does. The next guest is of the handler that used the least CPU time, so
//! a handler with a thousand such guests gets no more than one with a single guest.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::cpu_share::CpuShare;
use super::meter::{Metered, Metering};
use super::run_queue::Ticket;
use crate::client_network::ClientNetwork;

/// A guest in the slow lane. It is polled while it has one of as many slots as there are threads.
pub(super) struct SlowGuest<T> {
    guest: Metered<T>,
    turn: SlowTurn,
}

struct SlowTurn {
    share: Arc<CpuShare>,
    client: ClientNetwork,
    state: State,
}

enum State {
    Out,
    /// In the queue, or with a slot that it has not noticed yet.
    Queued(Ticket),
    Running,
}

impl<T> SlowGuest<T> {
    pub fn new(guest: Metered<T>, share: Arc<CpuShare>, client: ClientNetwork) -> Self {
        Self {
            guest: guest.slow(),
            turn: SlowTurn {
                share,
                client,
                state: State::Out,
            },
        }
    }
}

impl<T> Future for SlowGuest<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Self { guest, turn } = &mut *self;
        ready!(turn.poll(context));
        let before = guest.used();
        let metering = guest.poll(context);
        let again = matches!(metering, Metering::Busy).then(|| context.waker());
        turn.end(guest.used() - before, again);
        metering.into()
    }
}

impl SlowTurn {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (share, waker) = (&self.share, context.waker());
        let lane = &share.lanes.slow;
        self.state = match self.state {
            State::Queued(ticket) if lane.is_queued(ticket, waker) => return Poll::Pending,
            State::Queued(_) | State::Running => State::Running,
            State::Out => match lane.push_if_busy(&share.slow, self.client, waker) {
                Some(ticket) => {
                    self.state = State::Queued(ticket);
                    return Poll::Pending;
                }
                None => State::Running,
            },
        };
        Poll::Ready(())
    }

    /// `used` is the CPU time of the poll, in nanoseconds. With a waker the guest queues again at once.
    fn end(&mut self, used: u64, again: Option<&Waker>) {
        let (lane, progress) = (&self.share.lanes.slow, &self.share.slow);
        lane.charge(progress, self.client, used);
        // tokio would wake a guest that yields only after all others had a turn, whatever they used before.
        self.state = match again {
            Some(waker) => State::Queued(lane.push_behind(progress, self.client, waker)),
            None => State::Out,
        };
        lane.serve_next(true);
    }
}

impl Drop for SlowTurn {
    fn drop(&mut self) {
        let lane = &self.share.lanes.slow;
        let has_slot = match self.state {
            State::Out => false,
            State::Queued(ticket) => !lane.withdraw(&self.share.slow, ticket),
            State::Running => true,
        };
        if has_slot {
            lane.serve_next(true);
        }
    }
}
