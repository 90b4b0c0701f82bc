//! Instances that answer several requests at once (`--concurrency`), as wasi:http 0.3 intends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use tokio::sync::watch;

use crate::failure::Failure;
use crate::handler::lease::Live;
use crate::runtime::idle_pool::Kept;
use crate::runtime::scheduler::Share;
use crate::wasi::stdio::captured_output::Transcript;
use crate::worlds::Job;

/// The instances of a handler that have requests, and perhaps room for more.
#[derive(Default)]
pub(crate) struct Crews(Mutex<Vec<Arc<Crew>>>);

/// The requests of one instance. It takes more until it has answered as many as it may, or one of them went wrong.
pub(crate) struct Crew {
    state: Mutex<State>,
    /// What its requests may use of the processor together.
    pub share: Arc<Share>,
    /// What the instance writes, where its developer wants to know: nobody can tell for which request.
    pub transcript: Option<Transcript>,
    /// How the instance came to its end.
    end: watch::Sender<Option<Arc<Failure>>>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Requests that are not over, those that wait included.
    active: u32,
    /// All that the instance ever took.
    taken: u32,
    closed: bool,
    worker: Option<Waker>,
}

impl Crews {
    /// Hands a request to an instance that has room for it. Where none has, there is a new crew to be run, with an
    /// instance if one was kept.
    pub fn place(
        &self,
        job: Job,
        concurrency: u32,
        reuse: u32,
        kept: &Kept,
        transcript: Option<Transcript>,
    ) -> (Arc<Crew>, Option<Option<Live>>) {
        let mut crews = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        crews.retain(|crew| !crew.lock().closed);
        let mut job = Some(job);
        for crew in crews.iter() {
            if crew.offer(&mut job, concurrency, reuse) {
                return (crew.clone(), None);
            }
        }
        let live = kept.take();
        let crew = Arc::new(Crew {
            state: Mutex::new(State {
                waiting: job.into_iter().collect(),
                active: 1,
                taken: live.as_ref().map_or(0, |live| live.served) + 1,
                ..State::default()
            }),
            share: Arc::default(),
            transcript,
            end: watch::Sender::new(None),
        });
        crews.push(crew.clone());
        (crew, Some(live))
    }
}

impl Crew {
    fn offer(&self, job: &mut Option<Job>, concurrency: u32, reuse: u32) -> bool {
        let mut state = self.lock();
        let has_room = state.active < concurrency && state.taken < reuse;
        // One that keeps its thread busy would hold the others up.
        if state.closed || !has_room || self.share.is_slow() {
            return false;
        }
        state.waiting.extend(job.take());
        state.active += 1;
        state.taken += 1;
        self.share.add();
        if let Some(worker) = state.worker.take() {
            worker.wake();
        }
        true
    }

    /// The next request that waits; else the task of `context` is woken when one comes.
    pub fn next(&self, context: &mut Context<'_>) -> Option<Job> {
        let mut state = self.lock();
        let job = state.waiting.pop_front();
        if job.is_none() {
            state.worker = Some(context.waker().clone());
        }
        job
    }

    /// A request is over. One that was given up leaves the instance in a state that nobody knows.
    pub fn done(&self, given_up: bool) {
        let mut state = self.lock();
        state.active -= 1;
        state.closed |= given_up;
    }

    /// Whether there is nothing to do, in which case nothing is taken any more.
    pub fn close_if_idle(&self) -> bool {
        let mut state = self.lock();
        state.closed |= state.active == 0;
        state.active == 0
    }

    /// The number of requests that the instance ever took.
    pub fn taken(&self) -> u32 {
        self.lock().taken
    }

    /// Ends all requests that are not over.
    pub fn fail(&self, failure: Failure) {
        let mut state = self.lock();
        state.closed = true;
        self.end.send_replace(Some(Arc::new(failure)));
        state.waiting.clear();
    }

    /// As [`fail`](Self::fail), where the reason is not known yet.
    pub fn fail_unless_ended(&self, failure: Failure) {
        if self.end.borrow().is_none() {
            self.fail(failure);
        }
    }

    /// Why the instance ended before a request of it was over.
    pub async fn failure(&self) -> Failure {
        let mut end = self.end.subscribe();
        match end.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(failure)) => Failure::Shared(failure.clone()),
            _ => Failure::NoResponse,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
