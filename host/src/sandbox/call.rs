//! One request's run in a guest.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};

use super::engine::{Engine, Slot};
use super::failure::Failure;
use super::instance::Instance;
use super::lanes::{Guest, Metered, Polled};
use crate::http::Response;

/// What a guest answered.
pub struct Answer {
    pub response: Response,
    /// The guest's instance. Taking it down costs about as much as making it, so the caller keeps it until
    /// the response is on its way; with it goes the instance's place among `--max-instances`.
    pub instance: Instance,
}

/// A guest's run, to be polled to its end. Dropping it cancels the guest.
///
/// It waits for a place among the instances, enforces the wall clock, and moves a guest that keeps the thread
/// busy to the slow lane.
pub struct Call {
    engine: Arc<Engine>,
    stage: Stage,
    /// Armed when the guest first waits: most never do.
    timer: Option<Pin<Box<Sleep>>>,
    deadline: Instant,
}

type Output = Result<Answer, Failure>;

enum Stage {
    Queued(Guest<Result<Guest<Output>, Failure>>),
    Fast(Metered<Output>),
    Slow(Cancelled<Output>),
    Done,
}

impl Call {
    pub(super) fn new<F>(engine: Arc<Engine>, run: impl FnOnce(Slot) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Output> + Send + 'static,
    {
        let limits = engine.limits();
        let deadline = Instant::now() + limits.timeout;
        let stage = match engine.try_admit() {
            Some(slot) => Stage::Fast(Metered::new(Box::pin(run(slot)), limits.cpu)),
            None => {
                let engine = engine.clone();
                Stage::Queued(Box::pin(async move {
                    let slot = engine.admit().await?;
                    Ok(Box::pin(run(slot)) as Guest<Output>)
                }))
            }
        };
        Self {
            engine,
            stage,
            timer: None,
            deadline,
        }
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        timer.as_mut().poll(context)
    }
}

impl Future for Call {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Output> {
        let call = self.get_mut();
        loop {
            match &mut call.stage {
                Stage::Queued(admission) => {
                    let guest = ready!(admission.as_mut().poll(context))?;
                    let limits = call.engine.limits();
                    call.deadline = Instant::now() + limits.timeout;
                    call.stage = Stage::Fast(Metered::new(guest, limits.cpu));
                    continue;
                }
                Stage::Fast(guest) => match guest.poll(context) {
                    Polled::Ready(output) => {
                        call.stage = Stage::Done;
                        return Poll::Ready(output);
                    }
                    Polled::Waiting => {}
                    Polled::Busy => {
                        // Where there is no slow lane the guest goes on here: its yield has woken this task.
                        if let Some(runtime) = call.engine.slow_lane() {
                            let Stage::Fast(guest) = mem::replace(&mut call.stage, Stage::Done)
                            else {
                                continue;
                            };
                            call.stage = Stage::Slow(Cancelled(runtime.spawn(guest.slow())));
                            continue;
                        }
                    }
                },
                Stage::Slow(task) => {
                    if let Poll::Ready(joined) = Pin::new(&mut task.0).poll(context) {
                        call.stage = Stage::Done;
                        return Poll::Ready(joined.unwrap_or_else(|error| {
                            Err(Failure::Trap(wasmtime::Error::new(error)))
                        }));
                    }
                }
                Stage::Done => return Poll::Pending,
            }
            ready!(call.poll_deadline(context));
            // Dropping the guest unwinds it; its store is never used again.
            call.stage = Stage::Done;
            return Poll::Ready(Err(Failure::Timeout(call.engine.limits().timeout)));
        }
    }
}

/// A task that ends with its handle, at its next yield.
struct Cancelled<T>(JoinHandle<T>);

impl<T> Drop for Cancelled<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
