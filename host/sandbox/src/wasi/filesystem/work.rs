//! Threads for file operations that may take long: writing, syncing, and changing folders.
//!
//! The threads have a low priority, as those of the slow lane. A handler uses only a few of them at once, and the
//! operations that wait for a thread are served in the order in which they came, so that a handler with a slow disk does
//! not delay another. The CPU time of an operation is charged to the request.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::account::ledger::Account;
use crate::account::resource::Resource;
use crate::thread::{add_time_elsewhere, cpu_time, lower_priority};

/// The share of a handler in the threads.
#[derive(Clone)]
pub(crate) struct FileWork {
    turns: Arc<Semaphore>,
}

impl FileWork {
    pub fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(THREADS_OF_HANDLER)),
        }
    }

    /// Runs an operation, and charges its CPU time to `account` and to the guest that polls the result.
    ///
    /// An operation that has started runs to its end, even if nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// If the operation panics.
    pub fn run<T, F>(
        &self,
        account: &Arc<Account>,
        operation: F,
    ) -> impl Future<Output = wasmtime::Result<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (turns, account) = (self.turns.clone(), account.clone());
        async move {
            // Held until both the operation and the guest's wait for it are over: the thread is then ready for the next
            // operation, which needs no further thread.
            let turn = Arc::new(turns.acquire_owned().await?);
            let working = turn.clone();
            let metered = move || {
                let _turn = working;
                let before = cpu_time();
                let result = operation();
                let used = cpu_time().zip(before).map(|(now, before)| now - before);
                let used = used.unwrap_or(Duration::ZERO);
                let nanoseconds = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
                account.record(Resource::Cpu, nanoseconds);
                (result, used)
            };
            let (result, used) = match &*THREADS {
                Some(threads) => threads.spawn_blocking(metered).await?,
                None => metered(),
            };
            drop(turn);
            add_time_elsewhere(used);
            Ok(result)
        }
    }
}

/// The threads. They start when an operation needs them, and end when there is no work.
static THREADS: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(THREADS_OF_ALL)
        .thread_name("file-work")
        .on_thread_start(lower_priority)
        .build()
        .inspect_err(|error| tracing::error!("the threads for file work do not start: {error}"))
        .ok()
});

/// The most threads, for all handlers together.
const THREADS_OF_ALL: usize = 64;

/// The most threads that one handler uses at once.
const THREADS_OF_HANDLER: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::resource::Scope;
    use crate::thread::take_time_elsewhere;

    #[tokio::test]
    async fn charges_the_time_of_other_threads() {
        let handler = Arc::new(Account::server().child(Scope::Handler));
        let account = Arc::new(handler.child(Scope::Instance));
        let work = |_: ()| {
            let begin = cpu_time().unwrap();
            while cpu_time().unwrap() - begin < Duration::from_millis(20) {}
        };
        take_time_elsewhere();
        let done = FileWork::new().run(&account, move || work(()));
        done.await.unwrap();
        let used = take_time_elsewhere();
        assert!(used >= Duration::from_millis(20), "{used:?}");
        assert_eq!(u128::from(handler.used(Resource::Cpu)), used.as_nanos());
    }

    #[tokio::test]
    async fn a_handler_waits_for_its_own_operations_only() {
        let account = Arc::new(Account::server().child(Scope::Handler));
        let (busy, other) = (FileWork::new(), FileWork::new());
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..2 * THREADS_OF_HANDLER {
            let held = held.clone();
            waiting.spawn(busy.run(&account, move || held.lock().unwrap().recv()));
        }
        while busy.turns.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        other.run(&account, || ()).await.unwrap();
        for _ in 0..2 * THREADS_OF_HANDLER {
            release.send(()).unwrap();
        }
        while let Some(done) = waiting.join_next().await {
            done.unwrap().unwrap().unwrap();
        }
    }
}
