//! Shared instances: each answers several requests at once (`--concurrency`), as wasi:http 0.3 intends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use tokio::sync::watch;

use super::idle_pool::IdlePool;
use super::instance::Instance;
use super::scheduler::meter::SharedCpu;
use crate::failure::Failure;
use crate::wasi::stdio::captured_output::CapturedOutput;

/// The shared instances of a handler that have requests, and perhaps room for more. `J` is a request for one of them.
pub(crate) struct SharedInstances<J>(Mutex<Vec<Arc<SharedInstance<J>>>>);

/// The requests of one shared instance. It takes more until it has taken as many as it may, or one of them fails.
pub(crate) struct SharedInstance<J> {
    requests: Mutex<Requests<J>>,
    /// The CPU time that its requests may use together.
    pub cpu: Arc<SharedCpu>,
    /// The output of the instance, if the handler captures it. The host cannot tell which request caused it.
    pub output: Option<CapturedOutput>,
    /// Why the instance ended.
    end: watch::Sender<Option<Arc<Failure>>>,
}

struct Requests<J> {
    waiting: VecDeque<J>,
    /// Requests that are not over, those that wait included.
    active: u32,
    /// All requests that the instance ever took.
    taken: u32,
    closed: bool,
    worker: Option<Waker>,
}

/// How many requests an instance may answer.
#[derive(Clone, Copy)]
pub(crate) struct Sharing {
    /// At once.
    pub concurrency: u32,
    /// In all.
    pub reuse: u32,
}

impl Sharing {
    /// An instance answers one request.
    pub const NONE: Self = Self {
        concurrency: 1,
        reuse: 1,
    };
}

/// Where a request was placed.
pub(crate) enum Placement<J, E> {
    /// In an instance that already runs.
    Joined(Arc<SharedInstance<J>>),
    /// In a shared instance that is to be run, in an idle instance if there was one.
    Opened(Arc<SharedInstance<J>>, Option<Instance<E>>),
}

impl<J> Default for SharedInstances<J> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<J> SharedInstances<J> {
    /// Gives a request to an instance that has room for it. If there is none, opens one, from the idle pool if possible.
    pub fn place<E>(
        &self,
        job: J,
        sharing: Sharing,
        idle: &IdlePool<E>,
        output: Option<CapturedOutput>,
    ) -> Placement<J, E> {
        let mut instances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        instances.retain(|instance| !instance.lock().closed);
        let mut job = Some(job);
        for instance in instances.iter() {
            if instance.offer(&mut job, sharing) {
                return Placement::Joined(instance.clone());
            }
        }
        let idle = idle.take();
        let opened = Arc::new(SharedInstance {
            requests: Mutex::new(Requests {
                waiting: job.into_iter().collect(),
                active: 1,
                taken: idle.as_ref().map_or(0, |instance| instance.served) + 1,
                closed: false,
                worker: None,
            }),
            cpu: Arc::default(),
            output,
            end: watch::Sender::new(None),
        });
        instances.push(opened.clone());
        Placement::Opened(opened, idle)
    }
}

impl<J> SharedInstance<J> {
    /// Takes the request if there is room for it. Returns whether it did.
    fn offer(&self, job: &mut Option<J>, sharing: Sharing) -> bool {
        let mut requests = self.lock();
        let has_room = requests.active < sharing.concurrency && requests.taken < sharing.reuse;
        // An instance that keeps its thread busy would delay further requests.
        if requests.closed || !has_room || self.cpu.is_slow() {
            return false;
        }
        requests.waiting.extend(job.take());
        requests.active += 1;
        requests.taken += 1;
        self.cpu.add_request();
        if let Some(worker) = requests.worker.take() {
            worker.wake();
        }
        true
    }

    /// The next waiting request. If there is none, the task of `context` is woken when one comes.
    pub fn next(&self, context: &mut Context<'_>) -> Option<J> {
        let mut requests = self.lock();
        let job = requests.waiting.pop_front();
        if job.is_none() {
            requests.worker = Some(context.waker().clone());
        }
        job
    }

    /// Ends a request. After a cancelled one the instance takes no more, because its state is unknown.
    pub fn done(&self, cancelled: bool) {
        let mut requests = self.lock();
        requests.active -= 1;
        requests.closed |= cancelled;
    }

    /// Closes the instance if it has no requests. Returns whether it did.
    pub fn close_if_idle(&self) -> bool {
        let mut requests = self.lock();
        requests.closed |= requests.active == 0;
        requests.active == 0
    }

    /// The number of requests that the instance ever took.
    pub fn taken(&self) -> u32 {
        self.lock().taken
    }

    /// Ends all requests that are not over.
    pub fn fail(&self, failure: Failure) {
        let mut requests = self.lock();
        requests.closed = true;
        self.end.send_replace(Some(Arc::new(failure)));
        requests.waiting.clear();
    }

    /// As [`fail`](Self::fail), unless the instance failed before.
    pub fn fail_unless_failed(&self, failure: Failure) {
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

    fn lock(&self) -> MutexGuard<'_, Requests<J>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
