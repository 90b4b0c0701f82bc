//! The threads that load handlers.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// A few threads, started when there is work for them, that do one thing after the other.
pub(super) struct Workers {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    added: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    over: bool,
}

type Job = Box<dyn FnOnce() + Send>;

impl Workers {
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
        }
    }

    /// Does it on one of the threads, or right here if the system gives none.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.shared.lock();
        queue.jobs.push_back(Box::new(job));
        if queue.idle >= queue.jobs.len() || queue.threads >= MOST {
            drop(queue);
            self.shared.added.notify_one();
            return;
        }
        let shared = self.shared.clone();
        let started = thread::Builder::new()
            .name("belljar-loader".into())
            .spawn(move || shared.work());
        match started {
            Ok(_) => queue.threads += 1,
            Err(_) if queue.threads > 0 => {}
            Err(_) => {
                let job = queue.jobs.pop_back();
                drop(queue);
                job.into_iter().for_each(|job| job());
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.added.notify_all();
    }
}

impl Shared {
    fn work(&self) {
        let mut queue = self.lock();
        while !queue.over {
            match queue.jobs.pop_front() {
                Some(job) => {
                    drop(queue);
                    job();
                    queue = self.lock();
                }
                None => {
                    queue.idle += 1;
                    queue = self
                        .added
                        .wait(queue)
                        .unwrap_or_else(PoisonError::into_inner);
                    queue.idle -= 1;
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Most of a load is done by the compiler, of which there are few at once, or is waiting for the disk.
const MOST: usize = 4;
