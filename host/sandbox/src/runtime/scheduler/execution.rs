//! The execution of a guest, in the lane where it belongs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::fast_lane::FastTurn;
use super::meter::{Guest, Metered, Metering, SharedCpu};
use super::slow_lane::SlowGuest;
use crate::account::ledger::Account;
use crate::failure::Failure;

/// The execution of a guest. It starts on the thread that polls it, and moves to the slow lane if it keeps that thread busy.
/// In both lanes it waits for its turn where others wait. Dropping it cancels the guest.
pub(crate) struct Execution<T> {
    turn: FastTurn,
    lane: Option<Lane<T>>,
}

enum Lane<T> {
    Fast(Metered<Result<T, Failure>>),
    Slow(AbortOnDropHandle<Result<T, Failure>>),
}

impl<T: Send + 'static> Execution<T> {
    /// `account` is that of the request, `budget` the CPU time that it may use.
    pub fn new(
        guest: Guest<Result<T, Failure>>,
        turn: FastTurn,
        account: Account,
        budget: Duration,
    ) -> Self {
        Self::of(Metered::new(guest, account, budget), turn)
    }

    /// The execution of a shared instance, whose requests add up to one budget.
    pub fn shared(
        guest: Guest<Result<T, Failure>>,
        turn: FastTurn,
        account: Account,
        budget: Duration,
        shared: Arc<SharedCpu>,
    ) -> Self {
        let metered = Metered::new(guest, account, budget).shared(shared);
        Self::of(metered, turn)
    }

    fn of(metered: Metered<Result<T, Failure>>, turn: FastTurn) -> Self {
        Self {
            turn,
            lane: Some(Lane::Fast(metered)),
        }
    }
}

impl<T: Send + 'static> Future for Execution<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let execution = &mut *self;
        if let Some(Lane::Fast(guest)) = &mut execution.lane {
            ready!(execution.turn.poll(context));
            let before = guest.used();
            let metering = guest.poll(context);
            execution.turn.end(guest.used() - before);
            match metering {
                Metering::Ready(output) => return Poll::Ready(output),
                Metering::Waiting => return Poll::Pending,
                Metering::Busy => {}
            }
            let (share, client) = execution.turn.owner();
            // Without a slow lane the guest stays here: its yield has woken this task.
            let Some(runtime) = share.slow_runtime() else {
                return Poll::Pending;
            };
            if let Some(Lane::Fast(guest)) = execution.lane.take() {
                let guest = SlowGuest::new(guest, share.clone(), client);
                let task = AbortOnDropHandle::new(runtime.spawn(guest));
                execution.lane = Some(Lane::Slow(task));
            }
        }
        match &mut execution.lane {
            Some(Lane::Slow(task)) => poll_task(task, context),
            _ => Poll::Pending,
        }
    }
}

/// Polls the task of a guest. A task that panicked or was aborted counts as a trap.
pub(crate) fn poll_task<T>(
    task: &mut AbortOnDropHandle<Result<T, Failure>>,
    context: &mut Context<'_>,
) -> Poll<Result<T, Failure>> {
    Pin::new(task).poll(context).map(|joined| {
        joined.unwrap_or_else(|error| Err(Failure::Trap(wasmtime::Error::new(error))))
    })
}
