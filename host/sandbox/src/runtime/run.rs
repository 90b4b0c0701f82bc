//! A guest's run, in whichever lane it belongs to.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::handler::Handler;
use crate::runtime::scheduler::{Guest, Metered, Polled, Share};

/// A guest's run. It starts on the thread that polls it, and moves to the slow lane when it keeps that thread busy.
/// Dropping it cancels the guest.
pub(crate) struct Run<T> {
    handler: Arc<Handler>,
    lane: Lane<T>,
}

enum Lane<T> {
    Fast(Metered<Result<T, Failure>>),
    Slow(Cancelled<Result<T, Failure>>),
}

impl<T: Send + 'static> Run<T> {
    pub fn new(handler: Arc<Handler>, guest: Guest<Result<T, Failure>>) -> Self {
        let metered = Metered::new(guest, handler.limits().cpu);
        Self {
            handler,
            lane: Lane::Fast(metered),
        }
    }

    /// Of a guest that answers the requests of a share.
    pub fn shared(
        handler: Arc<Handler>,
        guest: Guest<Result<T, Failure>>,
        share: Arc<Share>,
    ) -> Self {
        let metered = Metered::new(guest, handler.limits().cpu).shared(share);
        Self {
            handler,
            lane: Lane::Fast(metered),
        }
    }
}

impl<T: Send + 'static> Future for Run<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let run = &mut *self;
        if let Lane::Fast(guest) = &mut run.lane {
            match guest.poll(context) {
                Polled::Ready(output) => return Poll::Ready(output),
                Polled::Waiting => return Poll::Pending,
                Polled::Busy => {
                    // Where there is no slow lane the guest goes on here: its yield has woken this task.
                    let Some(runtime) = run.handler.engine().slow_lane() else {
                        return Poll::Pending;
                    };
                    let guest = guest.leave();
                    run.lane = Lane::Slow(Cancelled(runtime.spawn(guest.slow())));
                }
            }
        }
        match &mut run.lane {
            Lane::Fast(_) => Poll::Pending,
            Lane::Slow(task) => task.poll(context),
        }
    }
}

/// A task that ends with its handle, at its next yield.
pub(crate) struct Cancelled<T>(pub JoinHandle<T>);

impl<T> Cancelled<Result<T, Failure>> {
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<T, Failure>> {
        Pin::new(&mut self.0).poll(context).map(|joined| {
            joined.unwrap_or_else(|error| Err(Failure::Trap(wasmtime::Error::new(error))))
        })
    }
}

impl<T> Drop for Cancelled<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
