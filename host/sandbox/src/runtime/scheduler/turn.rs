//! The turn of a thread: everything that was ready when the turn began, run once.
//!
//! tokio runs ready tasks in their order, so what a handler uses in a turn is what others on this thread may have to wait for.
//! A handler that has used much of a turn lets its further requests queue ([`super::fast_lane`]).
//!
//! On a thread with little to do turns are short, and most end unnoticed. Only a turn in which handlers used [`NOTED`] has a
//! task that notices its end.

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use tokio::runtime::Handle;

use super::run_queue::HandlerId;

thread_local! {
    static TURN: RefCell<Turn> = RefCell::default();
}

#[derive(Default)]
struct Turn {
    /// The number of turns of this thread that have ended. The task that notices the end may run on another thread.
    ended: Arc<AtomicU64>,
    /// The turns that had ended when this one began.
    number: u64,
    /// What each handler used in this turn, in nanoseconds.
    used: Vec<(HandlerId, u64)>,
    total: u64,
    /// What requests from the queue used in this turn.
    served: u64,
    noted: bool,
}

impl Turn {
    fn current(&mut self) -> &mut Self {
        let number = self.ended.load(Ordering::Relaxed);
        if self.number != number {
            self.begin(number);
        }
        self
    }

    fn begin(&mut self, number: u64) {
        self.number = number;
        self.used.clear();
        (self.total, self.served, self.noted) = (0, 0, false);
    }
}

/// What a handler has used in this turn of this thread, in nanoseconds.
pub(super) fn used(handler: HandlerId) -> u64 {
    TURN.with_borrow_mut(|turn| {
        let mut used = turn.current().used.iter();
        used.find(|(other, _)| *other == handler)
            .map_or(0, |(_, used)| *used)
    })
}

/// Records what a handler used. Returns what requests from the queue used in this turn; `served` tells whether this request is
/// one of them.
pub(super) fn record(handler: HandlerId, used: u64, served: bool) -> u64 {
    let (end, served) = TURN.with_borrow_mut(|turn| {
        let turn = turn.current();
        match turn.used.iter_mut().find(|(other, _)| *other == handler) {
            Some((_, sum)) => *sum = sum.saturating_add(used),
            None => turn.used.push((handler, used)),
        }
        turn.total = turn.total.saturating_add(used);
        if served {
            turn.served = turn.served.saturating_add(used);
        }
        let is_long = turn.total >= NOTED && !turn.noted;
        turn.noted |= is_long;
        (is_long.then(|| turn.ended.clone()), turn.served)
    });
    if let Some(ended) = end
        && let Ok(runtime) = Handle::try_current()
    {
        runtime.spawn(async move {
            after_ready_tasks().await;
            ended.fetch_add(1, Ordering::Relaxed);
        });
    }
    served
}

/// Begins a new turn of this thread.
pub(super) fn begin() {
    TURN.with_borrow_mut(|turn| {
        let number = turn.ended.fetch_add(1, Ordering::Relaxed) + 1;
        turn.begin(number);
    });
}

/// Waits until the tasks have run that are ready on this thread.
pub(super) async fn after_ready_tasks() {
    let mut first = true;
    poll_fn(|context| {
        if std::mem::take(&mut first) {
            // tokio puts a task that wakes itself behind all others. After `tokio::task::yield_now` the task would be the first
            // one after the next poll of the sockets, even if others are still waiting for their turn.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// The CPU time, in nanoseconds, after which the end of a turn is noticed. A batch of thirty cheap requests uses less.
const NOTED: u64 = 500_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn on_one_thread(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(test);
    }

    #[test]
    fn adds_up_what_each_handler_used() {
        on_one_thread(async {
            begin();
            assert_eq!(record(1, 10, false), 0);
            assert_eq!(record(2, 20, true), 20);
            assert_eq!(record(1, 30, true), 50);
            assert_eq!([used(1), used(2), used(3)], [40, 20, 0]);
            begin();
            assert_eq!([used(1), used(2)], [0, 0]);
            assert_eq!(record(1, 5, true), 5);
        });
    }

    /// Runs in the order of tokio's queue: what was ready before the turn became long, then its end.
    #[test]
    fn a_long_turn_ends_when_everything_that_was_ready_has_run() {
        on_one_thread(async {
            begin();
            let ready: Vec<_> = (0..3)
                .map(|_| {
                    tokio::spawn(async {
                        record(1, NOTED, false);
                        used(1)
                    })
                })
                .collect();
            let later = tokio::spawn(async {
                after_ready_tasks().await;
                used(1)
            });
            for (task, expected) in ready.into_iter().zip(1..) {
                assert_eq!(task.await.unwrap(), expected * NOTED);
            }
            assert_eq!(later.await.unwrap(), 3 * NOTED);
            after_ready_tasks().await;
            assert_eq!(used(1), 0);
        });
    }
}
