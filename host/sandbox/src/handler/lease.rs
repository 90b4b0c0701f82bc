//! Leases: a request holds its instance until its response has been sent.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio_util::task::AbortOnDropHandle;

use crate::admission::{LongRequest, Permit};
use crate::failure::{Failed, Failure};
use crate::runtime::idle_pool::IdlePool;
use crate::runtime::instance::Instance;
use crate::runtime::scheduler::execution::{Execution, poll_task};
use crate::wasi::stdio::captured_output::CapturedOutput;
use crate::worlds::Exports;
use belljar_http::Response;

/// The answer of a handler.
pub struct Answer {
    pub response: Response,
    /// The instance that answered. Taking an instance down costs about as much as making it, so keep the lease until the
    /// response is on its way. If the guest still runs, it is writing the body of the response: keep the lease until the
    /// end of the body, and [finish](Lease::finish) it.
    pub lease: Lease,
}

/// How the run of a guest ended.
pub(super) enum Ended {
    Answered(Answer),
    /// The response went ahead.
    Over(Lease),
}

/// The instance that answers a request, held while the response is on its way.
///
/// Dropping a lease cancels the guest if it still runs. Otherwise the instance is taken down, or goes to
/// the idle pool. In both cases its permit becomes free.
pub struct Lease {
    phase: Phase,
    output: Option<CapturedOutput>,
}

enum Phase {
    /// The guest has ended.
    Over(#[expect(dead_code, reason = "held for its drop")] Leased),
    /// The guest is writing the body of the response, or is doing work after it.
    Running(AbortOnDropHandle<Result<Ended, Failure>>),
    Failed(Failure),
    /// The lease holds no instance: other requests share it, or it is gone.
    Released,
}

/// An instance whose guest has ended, with its permit.
struct Leased {
    instance: Option<Instance<Exports>>,
    idle: Arc<IdlePool<Exports>>,
    // Dropped last, so that the memory of the instance is free when its permit is.
    _permit: Permit,
}

impl Lease {
    /// The lease of an instance whose guest has ended. The instance goes to the idle pool afterwards, if it may.
    pub(super) fn over(
        instance: Instance<Exports>,
        idle: Arc<IdlePool<Exports>>,
        permit: Permit,
    ) -> Self {
        let leased = Leased {
            instance: Some(instance),
            idle,
            _permit: permit,
        };
        Self::at(Phase::Over(leased), None)
    }

    /// The lease of a request in a shared instance.
    pub(super) fn shared() -> Self {
        Self::at(Phase::Released, None)
    }

    /// The lease of a guest that goes on in a task of its own, until its permit is recalled.
    pub(super) fn running(
        mut execution: Execution<Ended>,
        mut long: Option<LongRequest>,
        output: Option<CapturedOutput>,
    ) -> Self {
        let run = poll_fn(move |context| {
            let ended = Pin::new(&mut execution).poll(context);
            match &mut long {
                Some(long) if ended.is_pending() => {
                    long.poll_recalled(context).map(|()| Err(Failure::Recalled))
                }
                _ => ended,
            }
        });
        let task = AbortOnDropHandle::new(tokio::spawn(run));
        Self::at(Phase::Running(task), output)
    }

    /// The lease of a guest that ended just when its response came.
    pub(super) fn ended(ended: Result<Ended, Failure>, output: Option<CapturedOutput>) -> Self {
        match ended {
            Ok(Ended::Answered(answer)) => answer.lease,
            Ok(Ended::Over(lease)) => lease,
            Err(failure) => Self::at(Phase::Failed(failure), output),
        }
    }

    fn at(phase: Phase, output: Option<CapturedOutput>) -> Self {
        Self { phase, output }
    }

    /// Whether the guest has nothing more to do with the response.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_) | Phase::Released)
    }

    /// Releases the instance as soon as its guest has ended. Call this while the response waits for its client.
    pub fn poll_release(&mut self, context: &mut Context<'_>) {
        match &mut self.phase {
            Phase::Over(_) => self.phase = Phase::Released,
            Phase::Running(task) => {
                if let Poll::Ready(ended) = poll_task(task, context) {
                    self.phase = match ended {
                        Ok(_) => Phase::Released,
                        Err(failure) => Phase::Failed(failure),
                    };
                }
            }
            Phase::Failed(_) | Phase::Released => {}
        }
    }

    /// Why the stream of the response's body closed without an end. Call this only after that happened: it waits for
    /// the end of the guest, which is then near.
    pub async fn failure(self) -> Option<Failed> {
        let failure = match self.phase {
            Phase::Over(_) | Phase::Released => None,
            Phase::Running(mut task) => {
                poll_fn(|context| poll_task(&mut task, context)).await.err()
            }
            Phase::Failed(failure) => Some(failure),
        };
        failure.map(|failure| Failed {
            failure,
            output: self.output.map(|output| output.text()),
        })
    }

    /// Ends the lease after the response was sent. A guest that still has work to do may finish it, within its limits.
    pub fn finish(self) {
        match self.phase {
            Phase::Over(_) | Phase::Released => {}
            Phase::Running(mut task) => {
                if !task.is_finished() {
                    tokio::spawn(async move {
                        let ended = poll_fn(|context| poll_task(&mut task, context)).await;
                        log_late_failure(ended.err());
                    });
                }
            }
            Phase::Failed(failure) => log_late_failure(Some(failure)),
        }
    }
}

/// The client has its response by now, so the failure matters only to the handler's author.
fn log_late_failure(failure: Option<Failure>) {
    if let Some(failure) = failure {
        tracing::debug!("a handler failed after its response was sent: {failure}");
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.take() {
            self.idle.put(instance);
        }
    }
}
