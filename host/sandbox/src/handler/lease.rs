//! Instances: made for a request, taken down after it, or with `--reuse` kept for some more.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use wasmtime::Store;

use crate::admission::Slot;
use crate::failure::{Failed, Failure};
use crate::handler::Handler;
use crate::handler::call::Ended;
use crate::runtime::run::{Cancelled, Run};
use crate::wasi::host_state::State;
use crate::wasi::stdio::captured_output::Transcript;
use crate::worlds;

/// A guest that is ready for a request.
pub(crate) struct Live {
    pub store: Store<State>,
    pub exports: worlds::Exports,
    /// Requests that it has begun to answer.
    pub served: u32,
}

/// The instance that answered a request, for as long as the answer is on its way.
///
/// Dropping it cancels the guest if it still runs, and else takes the instance down or keeps it for the next request;
/// either way its place among the instances is free then.
pub struct Instance {
    phase: Phase,
    transcript: Option<Transcript>,
}

enum Phase {
    /// The guest is over.
    Over(#[expect(dead_code, reason = "held for its drop")] Place),
    /// It is making the response's body, or does what it has to do after that.
    Running(Cancelled<Result<Ended, Failure>>),
    Failed(Failure),
    /// It answers other requests as well and is not this one's to end, or it is gone already.
    Elsewhere,
}

/// An instance at rest, and its place.
struct Place {
    live: Option<Live>,
    handler: Arc<Handler>,
    // Dropped last: a place is free when the memory behind it is.
    _slot: Slot,
}

impl Instance {
    pub(crate) fn new(live: Live, handler: Arc<Handler>, slot: Slot) -> Self {
        let place = Place {
            live: Some(live),
            handler,
            _slot: slot,
        };
        Self::at(Phase::Over(place), None)
    }

    pub(crate) fn shared() -> Self {
        Self::at(Phase::Elsewhere, None)
    }

    /// The guest goes on in a task of its own.
    pub(crate) fn running(run: Run<Ended>, transcript: Option<Transcript>) -> Self {
        let task = Cancelled(tokio::spawn(run));
        Self::at(Phase::Running(task), transcript)
    }

    pub(crate) fn ended(ended: Result<Ended, Failure>, transcript: Option<Transcript>) -> Self {
        match ended {
            Ok(Ended::Answered(answer)) => answer.instance,
            Ok(Ended::Over(instance)) => instance,
            Err(failure) => Self::at(Phase::Failed(failure), transcript),
        }
    }

    fn at(phase: Phase, transcript: Option<Transcript>) -> Self {
        Self { phase, transcript }
    }

    /// Whether the guest has nothing more to do with the response.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_) | Phase::Elsewhere)
    }

    /// The response has to wait for its client: a guest that is over, or as soon as it is, gives up its place.
    pub fn poll_leave(&mut self, context: &mut Context<'_>) {
        match &mut self.phase {
            Phase::Over(_) => self.phase = Phase::Elsewhere,
            Phase::Running(task) => {
                if let Poll::Ready(ended) = task.poll(context) {
                    self.phase = match ended {
                        Ok(_) => Phase::Elsewhere,
                        Err(failure) => Phase::Failed(failure),
                    };
                }
            }
            Phase::Failed(_) | Phase::Elsewhere => {}
        }
    }

    /// Why the stream that is the response's body closed without an end. Waits for the end of the guest, which is
    /// near in this case and no other.
    pub async fn failure(self) -> Option<Failed> {
        let failure = match self.phase {
            Phase::Over(_) | Phase::Elsewhere => None,
            Phase::Running(mut task) => poll_fn(|context| task.poll(context)).await.err(),
            Phase::Failed(failure) => Some(failure),
        };
        failure.map(|failure| Failed::new(failure, self.transcript.as_ref()))
    }

    /// The response is sent. A guest that still has something to do may finish it, within its limits.
    pub fn finish(self) {
        match self.phase {
            Phase::Over(_) | Phase::Elsewhere => {}
            Phase::Running(mut task) => {
                if !task.0.is_finished() {
                    tokio::spawn(async move {
                        let ended = poll_fn(|context| task.poll(context)).await;
                        after_response(&ended.err());
                    });
                }
            }
            Phase::Failed(failure) => after_response(&Some(failure)),
        }
    }
}

/// What a guest does after its response is nobody's business any more but its author's.
fn after_response(failure: &Option<Failure>) {
    if let Some(failure) = failure {
        tracing::debug!("after its response: {failure}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            self.handler.give_back(live);
        }
    }
}
