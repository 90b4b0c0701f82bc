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
use crate::admission::{Admission, LongRequest, Permit};
use crate::client_network::ClientNetwork;
use crate::failure::{Failed, Failure};
use crate::runtime::scheduler::execution::Execution;
use crate::runtime::scheduler::fast_lane::FastTurn;
use crate::runtime::scheduler::meter::Guest;
use crate::wasi::stdio::captured_output::CapturedOutput;
use belljar_http::{Request, Response};

/// A call of a handler: a future that resolves to the response. Dropping it cancels the guest.
///
/// It waits for a permit and for the guest's turn on the processor, runs the guest in the fast lane or the slow lane, and
/// enforces the wall-clock time.
pub struct Call {
    stage: Stage,
    instances: Arc<Instances>,
    /// The output of the guest, if the handler captures it.
    output: Option<CapturedOutput>,
    /// Receives a response whose body is still being written.
    early: Option<oneshot::Receiver<Response>>,
    /// The client that holds the permit. None if the instance is shared.
    client: Option<ClientNetwork>,
    /// Set when the guest first waits. Most guests never do.
    timer: Option<Pin<Box<Sleep>>>,
    /// Set at the same time: a request that waits may take long.
    long: Option<LongRequest>,
    deadline: Instant,
}

enum Stage {
    Refused(Failure),
    Queued(Guest<Result<Admitted, Failure>>),
    Running(Execution<Ended>),
    Done,
}

/// A guest that may be run, and its turns on the processors.
type Admitted = (Guest<Result<Ended, Failure>>, FastTurn);

impl Call {
    /// A call in an instance of its own. `client` is the client's address as the guest sees it.
    pub(super) fn start(
        instances: Arc<Instances>,
        request: Request,
        client: Arc<str>,
        output: Option<CapturedOutput>,
    ) -> Self {
        let streams = instances.component.world().streams();
        let (early, ahead) = streams.then(oneshot::channel).unzip();
        let network = ClientNetwork::of(&client);
        let mut turn = instances.turn(network);
        let run = {
            let (instances, output) = (instances.clone(), output.clone());
            move |permit| answer(instances, permit, request, client, early, output)
        };
        // Where others wait for the processor, so does this request, and it holds no permit meanwhile.
        let admission = turn.is_free().then(|| instances.admit(network));
        // The execution includes making the instance, because the start functions of a component run guest code.
        let stage = match admission {
            Some(Err(failure)) => Stage::Refused(failure),
            Some(Ok(Admission::Granted(permit))) => {
                Stage::Running(instances.execute(Box::pin(run(permit)), turn))
            }
            admission => {
                let instances = instances.clone();
                Stage::Queued(Box::pin(async move {
                    let admission = match admission {
                        Some(admission) => admission?,
                        None => {
                            let timeout = instances.limits.timeout;
                            let waited = tokio::time::timeout(timeout, turn.wait()).await;
                            waited.map_err(|_| Failure::Timeout(timeout))?;
                            instances.admit(network)?
                        }
                    };
                    let permit = granted(admission, instances.limits.queue_timeout).await?;
                    let guest: Guest<Result<Ended, Failure>> = Box::pin(run(permit));
                    Ok((guest, turn))
                }))
            }
        };
        let mut call = Self::at(stage, instances, ahead, output);
        call.client = Some(network);
        call
    }

    /// A call in an instance that other requests share. `guest` waits for the response.
    pub(super) fn shared(
        instances: Arc<Instances>,
        early: oneshot::Receiver<Response>,
        output: Option<CapturedOutput>,
        client: ClientNetwork,
        guest: Guest<Result<Ended, Failure>>,
    ) -> Self {
        let stage = Stage::Running(instances.execute(guest, instances.turn(client)));
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
            client: None,
            timer: None,
            long: None,
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

    fn poll_recalled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.note_long();
        match &mut self.long {
            Some(long) => long.poll_recalled(context),
            None => Poll::Pending,
        }
    }

    fn note_long(&mut self) {
        if let (None, Some(client)) = (&self.long, self.client) {
            self.long = Some(self.instances.limiter.long_request(client));
        }
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<Answer, Failure>> {
        if let Stage::Queued(queued) = &mut self.stage {
            let (guest, turn) = ready!(queued.as_mut().poll(context))?;
            self.deadline = Instant::now() + self.instances.limits.timeout;
            self.stage = Stage::Running(self.instances.execute(guest, turn));
        }
        let Stage::Running(execution) = &mut self.stage else {
            return match mem::replace(&mut self.stage, Stage::Done) {
                Stage::Refused(failure) => Poll::Ready(Err(failure)),
                _ => Poll::Pending,
            };
        };
        let ended = Pin::new(execution).poll(context);
        if let Some(response) = self.poll_early(context) {
            if ended.is_pending() {
                self.note_long();
            }
            let (output, long) = (self.output.take(), self.long.take());
            let lease = match (ended, mem::replace(&mut self.stage, Stage::Done)) {
                (Poll::Pending, Stage::Running(execution)) => {
                    Lease::running(execution, long, output)
                }
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
        let failure = match (self.poll_deadline(context), self.poll_recalled(context)) {
            (Poll::Ready(()), _) => Failure::Timeout(self.instances.limits.timeout),
            (_, Poll::Ready(())) => Failure::Recalled,
            _ => return Poll::Pending,
        };
        // Dropping the execution unwinds the guest; its store is never used again.
        self.stage = Stage::Done;
        self.long = None;
        Poll::Ready(Err(failure))
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
            let granted = queued.granted(timeout).await;
            granted.ok_or(Failure::NoInstance(timeout))
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
