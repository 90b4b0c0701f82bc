//! One request's run in a guest, up to its response.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use super::engine::{Engine, Slot};
use super::failure::Failure;
use super::instance::Instance;
use super::lanes::Guest;
use super::run::Run;
use crate::http::Response;

/// What a guest answered.
pub struct Answer {
    pub response: Response,
    /// The guest's instance. Taking it down costs about as much as making it, so the caller keeps it until
    /// the response is on its way; with it goes the instance's place among `--max-instances`. One that still runs makes
    /// the response's body: it is to be kept to its end, and [finished](Instance::finish).
    pub instance: Instance,
}

/// The end of a guest's run.
pub(super) enum Ended {
    Answered(Answer),
    /// The response went ahead.
    Over(Instance),
}

/// A guest's run, to be polled until there is a response. Dropping it cancels the guest.
///
/// It waits for a place among the instances, enforces the wall clock, and moves a guest that keeps the thread
/// busy to the slow lane.
pub struct Call {
    engine: Arc<Engine>,
    stage: Stage,
    /// Where a response comes whose body is still being made.
    early: Option<oneshot::Receiver<Response>>,
    /// Armed when the guest first waits: most never do.
    timer: Option<Pin<Box<Sleep>>>,
    deadline: Instant,
}

enum Stage {
    Queued(Guest<Result<Guest<Result<Ended, Failure>>, Failure>>),
    Running(Run<Ended>),
    Done,
}

impl Call {
    pub(super) fn new<F>(
        engine: Arc<Engine>,
        early: Option<oneshot::Receiver<Response>>,
        run: impl FnOnce(Slot) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Ended, Failure>> + Send + 'static,
    {
        let deadline = Instant::now() + engine.limits().timeout;
        let stage = match engine.try_admit() {
            Some(slot) => Stage::Running(Run::new(engine.clone(), Box::pin(run(slot)))),
            None => {
                let engine = engine.clone();
                Stage::Queued(Box::pin(async move {
                    let slot = engine.admit().await?;
                    Ok(Box::pin(run(slot)) as Guest<Result<Ended, Failure>>)
                }))
            }
        };
        Self {
            engine,
            stage,
            early,
            timer: None,
            deadline,
        }
    }

    /// A request in an instance that it shares with others, and that runs elsewhere.
    pub(super) fn shared(
        engine: Arc<Engine>,
        early: oneshot::Receiver<Response>,
        guest: Guest<Result<Ended, Failure>>,
    ) -> Self {
        Self {
            stage: Stage::Running(Run::new(engine.clone(), guest)),
            early: Some(early),
            timer: None,
            deadline: Instant::now() + engine.limits().timeout,
            engine,
        }
    }

    fn poll_early(&mut self, context: &mut Context<'_>) -> Option<Response> {
        match Pin::new(self.early.as_mut()?).poll(context) {
            Poll::Ready(response) => {
                self.early = None;
                response.ok()
            }
            Poll::Pending => None,
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
    type Output = Result<Answer, Failure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let call = self.get_mut();
        if let Stage::Queued(admission) = &mut call.stage {
            let guest = ready!(admission.as_mut().poll(context))?;
            call.deadline = Instant::now() + call.engine.limits().timeout;
            call.stage = Stage::Running(Run::new(call.engine.clone(), guest));
        }
        let Stage::Running(run) = &mut call.stage else {
            return Poll::Pending;
        };
        let ended = Pin::new(run).poll(context);
        if let Some(response) = call.poll_early(context) {
            let instance = match (ended, mem::replace(&mut call.stage, Stage::Done)) {
                (Poll::Pending, Stage::Running(run)) => Instance::running(run),
                (Poll::Ready(ended), _) => Instance::ended(ended),
                _ => return Poll::Pending,
            };
            return Poll::Ready(Ok(Answer { response, instance }));
        }
        if let Poll::Ready(ended) = ended {
            call.stage = Stage::Done;
            return Poll::Ready(match ended? {
                Ended::Answered(answer) => Ok(answer),
                Ended::Over(_) => Err(Failure::NoResponse),
            });
        }
        ready!(call.poll_deadline(context));
        // Dropping the guest unwinds it; its store is never used again.
        call.stage = Stage::Done;
        Poll::Ready(Err(Failure::Timeout(call.engine.limits().timeout)))
    }
}
