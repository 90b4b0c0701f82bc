//! Standard error, written by a thread of its own: no request waits for whoever reads the log.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Takes text without ever waiting. What comes faster than standard error takes it is thrown away, and said so.
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
    /// Where the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let writer = queue.clone();
        thread::Builder::new()
            .name("stderr".into())
            .spawn(move || writer.write_out())?;
        Ok(Self(queue))
    }

    /// Adds an entry: as a whole, or not at all.
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

    /// Waits until all of it is written, or for a second.
    pub fn flush(&self) {
        let pending = self.0.lock();
        let busy = |pending: &mut Pending| pending.writing || !pending.text.is_empty();
        let _ = self
            .0
            .written
            .wait_timeout_while(pending, Duration::from_secs(1), busy);
    }
}

/// Each write is an entry, so that `tracing` can be given this to write its events to.
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
            // Gathered for a moment: a line at a time would cost a busy server two switches of thread a request.
            thread::sleep(GATHERING);
            let mut pending = self.lock();
            std::mem::swap(&mut pending.text, &mut text);
            let lost = std::mem::take(&mut pending.lost);
            pending.writing = true;
            drop(pending);
            // With nobody to read it there is nobody to tell.
            let _ = io::stderr().write_all(&text);
            if lost > 0 {
                let _ = writeln!(
                    io::stderr(),
                    "belljar: {lost} log entries lost: standard error is read too slowly"
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

/// Bytes of log that wait for the writer.
const MAX_QUEUED: usize = 4 << 20;
