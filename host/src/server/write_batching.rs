//! Turns: what a thread answers before it looks for what came in meanwhile.
//!
//! An answer that is sent wakes its client, or what carries it there, and to be woken for each single one costs both
//! sides more than to find several at once. So the answers of a busy turn leave together, at its end. The first after a
//! pause leaves as soon as it is there: where there is little to do nobody waits for anybody. Nor does an answer wait
//! longer than [`PATIENCE`], and for the guest that runs then.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::task::yield_now;

#[derive(Clone, Copy)]
struct Turn {
    /// Whether something was answered since this thread last slept.
    busy: bool,
    /// Since when an answer has waited for the end of the turn.
    waiting: Option<Instant>,
}

thread_local! {
    static TURN: Cell<Turn> = const { Cell::new(QUIET) };
}

const QUIET: Turn = Turn {
    busy: false,
    waiting: None,
};

/// To be called when the thread is about to sleep.
pub fn thread_sleeps() {
    TURN.set(QUIET);
}

/// Called before a guest runs: lets those answers leave that have waited long enough.
pub(super) async fn give_way() {
    // Twice, since tokio takes up first who yields last.
    for _ in 0..2 {
        match TURN.get().waiting {
            Some(since) if since.elapsed() >= PATIENCE => yield_now().await,
            _ => break,
        }
    }
}

/// Whether the answer that is ready now should wait for the [end](end) of the turn.
pub(super) fn is_busy() -> bool {
    let turn = TURN.get();
    TURN.set(Turn { busy: true, ..turn });
    turn.busy
}

/// Lets all others go on that can, and returns when that is done.
pub(super) async fn end() {
    let turn = TURN.get();
    TURN.set(Turn {
        waiting: turn.waiting.or_else(|| Some(Instant::now())),
        ..turn
    });
    // tokio takes up who yields after all that is ready and a look for what came in.
    yield_now().await;
    // Perhaps on another thread: what is forgotten there is only for how long another answer has waited.
    TURN.set(Turn {
        waiting: None,
        ..TURN.get()
    });
}

/// Some guests' time.
const PATIENCE: Duration = Duration::from_micros(250);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn the_first_answer_after_a_pause_does_not_wait() {
        thread_sleeps();
        assert!(!is_busy());
        assert!(is_busy());
        assert!(is_busy());
        thread_sleeps();
        assert!(!is_busy());
    }

    /// The order in which an answer that waits and a guest come, and two others that are ready.
    fn order(waiting: Option<Instant>) -> Vec<&'static str> {
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |name| {
            let order = order.clone();
            move || order.lock().unwrap().push(name)
        };
        let (answer, guest, one, other) =
            (note("answer"), note("guest"), note("one"), note("other"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            TURN.set(Turn { waiting, ..QUIET });
            let tasks = [
                tokio::spawn(async move {
                    end().await;
                    answer();
                }),
                tokio::spawn(async move { one() }),
                tokio::spawn(async move {
                    give_way().await;
                    guest();
                }),
                tokio::spawn(async move { other() }),
            ];
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(TURN.get().waiting, None);
        Arc::try_unwrap(order).unwrap().into_inner().unwrap()
    }

    #[test]
    fn answers_leave_at_the_end_of_the_turn() {
        let later = Instant::now() + Duration::from_secs(3600);
        assert_eq!(order(Some(later)), ["one", "guest", "other", "answer"]);
    }

    #[test]
    fn no_guest_runs_before_an_answer_that_has_waited_long_enough() {
        let before = Instant::now() - PATIENCE;
        assert_eq!(order(Some(before)), ["one", "other", "answer", "guest"]);
    }
}
