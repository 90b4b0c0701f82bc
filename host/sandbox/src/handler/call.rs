//! Calls: one request in a handler, from its permit to its response.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use super::instances::Instances;
use super::lease::{Answer, Ended, Lease};
use crate::admission::{Admission, Permit};
use crate::failure::{Failed, Failure};
use crate::runtime::scheduler::execution::Execution;
use crate::runtime::scheduler::meter::Guest;
use crate::wasi::stdio::captured_output::CapturedOutput;
use belljar_http::{Request, Response};

/// A call of a handler: a future that resolves to the response. Dropping it cancels the guest.
///
/// It waits for a permit, runs the guest in the fast lane or the slow lane, and enforces the wall-clock time.
pub struct Call {
    stage: Stage,
    instances: Arc<Instances>,
    /// The output of the guest, if the handler captures it.
    output: Option<CapturedOutput>,
    /// Receives a response whose body is still being written.
    early: Option<oneshot::Receiver<Response>>,
    /// Set when the guest first waits. Most guests never do.
    timer: Option<Pin<Box<Sleep>>>,
    deadline: Instant,
}

enum Stage {
    Refused(Failure),
    Queued(Guest<Result<Guest<Result<Ended, Failure>>, Failure>>),
    Running(Execution<Ended>),
    Done,
}

impl Call {
    /// A call in an instance of its own. `client` is the client's address as the guest sees it.
    pub(super) fn start(
        instances: Arc<Instances>,
        admission: Result<Admission, Failure>,
        request: Request,
        client: Arc<str>,
        output: Option<CapturedOutput>,
    ) -> Self {
        let streams = instances.component.world().streams();
        let (early, ahead) = streams.then(oneshot::channel).unzip();
        let run = {
            let (instances, output) = (instances.clone(), output.clone());
            move |permit| answer(instances, permit, request, client, early, output)
        };
        // The execution includes making the instance, because the start functions of a component run guest code.
        let stage = match admission {
            Err(failure) => Stage::Refused(failure),
            Ok(Admission::Granted(permit)) => {
                Stage::Running(instances.execute(Box::pin(run(permit))))
            }
            Ok(admission) => {
                let timeout = instances.limits.queue_timeout;
                Stage::Queued(Box::pin(async move {
                    let permit = granted(admission, timeout).await?;
                    Ok(Box::pin(run(permit)) as Guest<Result<Ended, Failure>>)
                }))
            }
        };
        Self::at(stage, instances, ahead, output)
    }

    /// A call in an instance that other requests share. `guest` waits for the response.
    pub(super) fn shared(
        instances: Arc<Instances>,
        early: oneshot::Receiver<Response>,
        output: Option<CapturedOutput>,
        guest: Guest<Result<Ended, Failure>>,
    ) -> Self {
        let stage = Stage::Running(instances.execute(guest));
        Self::at(stage, instances, Some(early), output)
    }

    /// A call that fails before any guest sees its request.
    pub(super) fn refused(instances: Arc<Instances>, failure: Failure) -> Self {
        Self::at(Stage::Refused(failure), instances, None, None)
    }

    fn at(
        stage: Stage,
        instances: Arc<Instances>,
        early: Option<oneshot::Receiver<Response>>,
        output: Option<CapturedOutput>,
    ) -> Self {
        Self {
            stage,
            output,
            early,
            timer: None,
            deadline: Instant::now() + instances.limits.timeout,
            instances,
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
        if let Stage::Queued(queued) = &mut self.stage {
            let guest = ready!(queued.as_mut().poll(context))?;
            self.deadline = Instant::now() + self.instances.limits.timeout;
            self.stage = Stage::Running(self.instances.execute(guest));
        }
        let Stage::Running(execution) = &mut self.stage else {
            return match mem::replace(&mut self.stage, Stage::Done) {
                Stage::Refused(failure) => Poll::Ready(Err(failure)),
                _ => Poll::Pending,
            };
        };
        let ended = Pin::new(execution).poll(context);
        if let Some(response) = self.poll_early(context) {
            let output = self.output.take();
            let lease = match (ended, mem::replace(&mut self.stage, Stage::Done)) {
                (Poll::Pending, Stage::Running(execution)) => Lease::running(execution, output),
                (Poll::Ready(ended), _) => Lease::ended(ended, output),
                _ => return Poll::Pending,
            };
            return Poll::Ready(Ok(Answer { response, lease }));
        }
        if let Poll::Ready(ended) = ended {
            self.stage = Stage::Done;
            return Poll::Ready(match ended? {
                Ended::Answered(answer) => Ok(answer),
                Ended::Over(_) => Err(Failure::NoResponse),
            });
        }
        ready!(self.poll_deadline(context));
        // Dropping the execution unwinds the guest; its store is never used again.
        self.stage = Stage::Done;
        Poll::Ready(Err(Failure::Timeout(self.instances.limits.timeout)))
    }
}

impl Future for Call {
    type Output = Result<Answer, Failed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let call = self.get_mut();
        call.poll_answer(context).map_err(|failure| Failed {
            failure,
            output: call.output.as_ref().map(CapturedOutput::text),
        })
    }
}

/// The permit of an admission, waited for up to `timeout`.
pub(super) async fn granted(admission: Admission, timeout: Duration) -> Result<Permit, Failure> {
    match admission {
        Admission::Granted(permit) => Ok(permit),
        Admission::Queued(queued) => {
            let granted = tokio::time::timeout(timeout, queued).await;
            granted.map_err(|_| Failure::NoInstance(timeout))
        }
    }
}

/// Answers a request in an instance of its own.
async fn answer(
    instances: Arc<Instances>,
    permit: Permit,
    request: Request,
    client: Arc<str>,
    early: Option<oneshot::Sender<Response>>,
    output: Option<CapturedOutput>,
) -> Result<Ended, Failure> {
    let mut instance = instances.take(output).await?;
    let response = instances
        .answer(&mut instance, request, &client, early)
        .await?;
    let lease = Lease::over(instance, instances.idle.clone(), permit);
    Ok(match response {
        Some(response) => Ended::Answered(Answer { response, lease }),
        None => Ended::Over(lease),
    })
}
