//! Writes standard error on a thread of its own, so that a slow reader of the log delays no request.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Queues text for standard error and never waits. Entries that exceed the queue are dropped, and their number is
/// logged.
#[derive(Clone)]
pub struct Stderr(Arc<Queue>);

#[derive(Default)]
struct Queue {
    pending: Mutex<Pending>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Pending {
    text: Vec<u8>,
    lost: u64,
    writing: bool,
}

impl Stderr {
    /// # Errors
    ///
    /// If the system cannot start a thread.
    pub fn start() -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let writer = queue.clone();
        thread::Builder::new()
            .name("stderr".into())
            .spawn(move || writer.write_out())?;
        Ok(Self(queue))
    }

    /// Queues an entry, completely or not at all.
    pub fn push(&self, entry: &[u8]) {
        let mut pending = self.0.lock();
        if pending.text.len() + entry.len() > MAX_QUEUED {
            pending.lost += 1;
            return;
        }
        let was_empty = pending.text.is_empty();
        pending.text.extend_from_slice(entry);
        drop(pending);
        if was_empty {
            self.0.filled.notify_one();
        }
    }

    /// Waits until the queue is written, for a second at most.
    pub fn flush(&self) {
        let pending = self.0.lock();
        let busy = |pending: &mut Pending| pending.writing || !pending.text.is_empty();
        let _ = self
            .0
            .written
            .wait_timeout_while(pending, Duration::from_secs(1), busy);
    }
}

/// `tracing` writes its events through this. Each write is one entry.
impl io::Write for Stderr {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        self.push(entry);
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_out(&self) {
        let mut text = Vec::new();
        loop {
            self.wait_for_text();
            // Entries gather for a moment: writing each on its own would cost a busy server two thread switches a
            // request.
            thread::sleep(GATHERING);
            let mut pending = self.lock();
            std::mem::swap(&mut pending.text, &mut text);
            let lost = std::mem::take(&mut pending.lost);
            pending.writing = true;
            drop(pending);
            // If standard error cannot be written, no other place is left to report that.
            let _ = io::stderr().write_all(&text);
            if lost > 0 {
                let _ = writeln!(
                    io::stderr(),
                    "belljar: {lost} log entries were dropped: standard error is read too slowly"
                );
            }
            text.clear();
            self.lock().writing = false;
            self.written.notify_all();
        }
    }

    fn wait_for_text(&self) {
        let pending = self
            .filled
            .wait_while(self.lock(), |pending| pending.text.is_empty());
        drop(pending);
    }
}

/// How long entries are gathered before they are written.
const GATHERING: Duration = Duration::from_millis(5);

/// The maximum size of the queue in bytes.
const MAX_QUEUED: usize = 4 << 20;
