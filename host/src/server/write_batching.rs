//! Write batching: on a busy thread, responses wait until everything that is ready has run, and leave together.
//!
//! Sending a response wakes the client, or the proxy before it. Waking it for each response costs both sides more than
//! one wake-up for several. So a busy thread holds its responses until its current batch of work ends. The first
//! response after the thread slept leaves at once: a thread with little to do gains nothing by waiting. No response
//! waits longer than [`MAX_DELAY`] and one handler call.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::task::yield_now;

/// What this thread knows of its current batch.
#[derive(Clone, Copy)]
struct Batch {
    /// Whether a response became ready since this thread last slept.
    busy: bool,
    /// When the response that has waited for longest began to wait.
    waiting_since: Option<Instant>,
}

thread_local! {
    static BATCH: Cell<Batch> = const { Cell::new(EMPTY) };
}

const EMPTY: Batch = Batch {
    busy: false,
    waiting_since: None,
};

/// Starts a new batch. The runtime must call this before a worker thread sleeps.
pub fn on_thread_park() {
    BATCH.set(EMPTY);
}

/// Lets overdue responses leave. To be called before a handler runs.
pub(super) async fn yield_to_overdue() {
    // Twice, because tokio first runs the task that yielded last.
    for _ in 0..2 {
        match BATCH.get().waiting_since {
            Some(since) if since.elapsed() >= MAX_DELAY => yield_now().await,
            _ => break,
        }
    }
}

/// Whether the response that is ready now should [wait for the batch](wait_for_batch).
pub(super) fn is_busy() -> bool {
    let batch = BATCH.get();
    BATCH.set(Batch {
        busy: true,
        ..batch
    });
    batch.busy
}

/// Waits until every task that is ready has run.
pub(super) async fn wait_for_batch() {
    let batch = BATCH.get();
    BATCH.set(Batch {
        waiting_since: batch.waiting_since.or_else(|| Some(Instant::now())),
        ..batch
    });
    // tokio resumes a task that yields after all ready tasks and a poll of the sockets.
    yield_now().await;
    // The task may resume on another thread. The only effect there is that its overdue responses wait longer.
    BATCH.set(Batch {
        waiting_since: None,
        ..BATCH.get()
    });
}

/// The time that a few handler calls take.
const MAX_DELAY: Duration = Duration::from_micros(250);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn first_response_after_a_pause_does_not_wait() {
        on_thread_park();
        assert!(!is_busy());
        assert!(is_busy());
        assert!(is_busy());
        on_thread_park();
        assert!(!is_busy());
    }

    /// The order in which a waiting response, a handler call and two other ready tasks run.
    fn order(waiting_since: Option<Instant>) -> Vec<&'static str> {
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |name| {
            let order = order.clone();
            move || order.lock().unwrap().push(name)
        };
        let (response, handler, one, other) = (
            note("response"),
            note("handler"),
            note("one"),
            note("other"),
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            BATCH.set(Batch {
                waiting_since,
                ..EMPTY
            });
            let tasks = [
                tokio::spawn(async move {
                    wait_for_batch().await;
                    response();
                }),
                tokio::spawn(async move { one() }),
                tokio::spawn(async move {
                    yield_to_overdue().await;
                    handler();
                }),
                tokio::spawn(async move { other() }),
            ];
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(BATCH.get().waiting_since, None);
        Arc::try_unwrap(order).unwrap().into_inner().unwrap()
    }

    #[test]
    fn responses_leave_when_the_batch_ends() {
        let later = Instant::now() + Duration::from_secs(3600);
        assert_eq!(order(Some(later)), ["one", "handler", "other", "response"]);
    }

    #[test]
    fn overdue_responses_leave_before_a_handler_runs() {
        let before = Instant::now() - MAX_DELAY;
        assert_eq!(order(Some(before)), ["one", "other", "response", "handler"]);
    }
}
