//! One request's run in a guest, up to its response.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use crate::admission::{Entry, Slot};
use crate::failure::{Failed, Failure};
use crate::handler::Handler;
use crate::handler::lease::Instance;
use crate::runtime::run::Run;
use crate::runtime::scheduler::Guest;
use crate::wasi::stdio::captured_output::Transcript;
use belljar_http::Response;

/// What a guest answered.
pub struct Answer {
    pub response: Response,
    /// The guest's instance. Taking it down costs about as much as making it, so the caller keeps it until
    /// the response is on its way; with it goes the instance's place among `--max-instances`. One that still runs makes
    /// the response's body: it is to be kept to its end, and [finished](Instance::finish).
    pub instance: Instance,
}

/// The end of a guest's run.
pub(crate) enum Ended {
    Answered(Answer),
    /// The response went ahead.
    Over(Instance),
}

/// A guest's run, to be polled until there is a response. Dropping it cancels the guest.
///
/// It waits for a place among the instances, enforces the wall clock, and moves a guest that keeps the thread
/// busy to the slow lane.
pub struct Call {
    handler: Arc<Handler>,
    stage: Stage,
    /// What the guest writes, where its developer wants to know.
    transcript: Option<Transcript>,
    /// Where a response comes whose body is still being made.
    early: Option<oneshot::Receiver<Response>>,
    /// Armed when the guest first waits: most never do.
    timer: Option<Pin<Box<Sleep>>>,
    deadline: Instant,
}

enum Stage {
    Refused(Failure),
    Queued(Guest<Result<Guest<Result<Ended, Failure>>, Failure>>),
    Running(Run<Ended>),
    Done,
}

impl Call {
    pub(crate) fn new<F>(
        handler: Arc<Handler>,
        early: Option<oneshot::Receiver<Response>>,
        transcript: Option<Transcript>,
        run: impl FnOnce(Slot) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Ended, Failure>> + Send + 'static,
    {
        let stage = match handler.enter() {
            Err(failure) => Stage::Refused(failure),
            Ok(Entry::Free(slot)) => Stage::Running(Run::new(handler.clone(), Box::pin(run(slot)))),
            Ok(entry) => {
                let handler = handler.clone();
                Stage::Queued(Box::pin(async move {
                    let slot = handler.wait(entry).await?;
                    Ok(Box::pin(run(slot)) as Guest<Result<Ended, Failure>>)
                }))
            }
        };
        Self::at(stage, handler, early, transcript)
    }

    /// A request in an instance that it shares with others, and that runs elsewhere.
    pub(crate) fn shared(
        handler: Arc<Handler>,
        early: oneshot::Receiver<Response>,
        transcript: Option<Transcript>,
        guest: Guest<Result<Ended, Failure>>,
    ) -> Self {
        let stage = Stage::Running(Run::new(handler.clone(), guest));
        Self::at(stage, handler, Some(early), transcript)
    }

    /// A request that no guest is to see.
    pub(crate) fn refused(handler: Arc<Handler>, failure: Failure) -> Self {
        Self::at(Stage::Refused(failure), handler, None, None)
    }

    fn at(
        stage: Stage,
        handler: Arc<Handler>,
        early: Option<oneshot::Receiver<Response>>,
        transcript: Option<Transcript>,
    ) -> Self {
        Self {
            stage,
            transcript,
            early,
            timer: None,
            deadline: Instant::now() + handler.limits().timeout,
            handler,
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

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<Answer, Failure>> {
        if let Stage::Queued(admission) = &mut self.stage {
            let guest = ready!(admission.as_mut().poll(context))?;
            self.deadline = Instant::now() + self.handler.limits().timeout;
            self.stage = Stage::Running(Run::new(self.handler.clone(), guest));
        }
        let Stage::Running(run) = &mut self.stage else {
            return match mem::replace(&mut self.stage, Stage::Done) {
                Stage::Refused(failure) => Poll::Ready(Err(failure)),
                _ => Poll::Pending,
            };
        };
        let ended = Pin::new(run).poll(context);
        if let Some(response) = self.poll_early(context) {
            let transcript = self.transcript.take();
            let instance = match (ended, mem::replace(&mut self.stage, Stage::Done)) {
                (Poll::Pending, Stage::Running(run)) => Instance::running(run, transcript),
                (Poll::Ready(ended), _) => Instance::ended(ended, transcript),
                _ => return Poll::Pending,
            };
            return Poll::Ready(Ok(Answer { response, instance }));
        }
        if let Poll::Ready(ended) = ended {
            self.stage = Stage::Done;
            return Poll::Ready(match ended? {
                Ended::Answered(answer) => Ok(answer),
                Ended::Over(_) => Err(Failure::NoResponse),
            });
        }
        ready!(self.poll_deadline(context));
        // Dropping the guest unwinds it; its store is never used again.
        self.stage = Stage::Done;
        Poll::Ready(Err(Failure::Timeout(self.handler.limits().timeout)))
    }
}

impl Future for Call {
    type Output = Result<Answer, Failed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let call = self.get_mut();
        let polled = call.poll_answer(context);
        polled.map_err(|failure| Failed::new(failure, call.transcript.as_ref()))
    }
}
