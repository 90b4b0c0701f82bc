//! Writes standard error on a thread of its own, so that a slow reader of the log delays no request.
//!
//! The thread also tells, once a second, how many lines were left out because of their rates.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use belljar_http::Rate;

use super::log_left_out::tell;
use super::log_rates::{LineCost, LineKind, LogRates};

/// Queues text for standard error and never waits. Entries that exceed the queue are dropped, and their number is
/// logged.
#[derive(Clone, Default)]
pub struct Stderr(Arc<Queue>);

struct Queue {
    pending: Mutex<Pending>,
    filled: Condvar,
    written: Condvar,
    rates: LogRates,
}

#[derive(Default)]
struct Pending {
    text: Vec<u8>,
    lost: u64,
    writing: bool,
    /// Whether the thread has started.
    started: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            pending: Mutex::default(),
            filled: Condvar::new(),
            written: Condvar::new(),
            rates: LogRates::new(),
        }
    }
}

impl Stderr {
    /// Starts the thread that writes what is queued.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread.
    pub fn start(&self) -> io::Result<()> {
        let writer = self.0.clone();
        thread::Builder::new()
            .name("stderr".into())
            .spawn(move || writer.write_out())?;
        self.0.lock().started = true;
        Ok(())
    }

    /// Sets the rate of each kind of line, and the bytes per second of each handler's output.
    pub fn limit(&self, lines: Rate, output: u32) {
        self.0.rates.set(lines, output);
    }

    /// Whether a line may be written now. If not, it is counted and reported later.
    pub(super) fn admit(
        &self,
        kind: LineKind,
        cost: LineCost,
        example: impl FnOnce() -> String,
    ) -> bool {
        let had_left_out = self.0.rates.has_left_out();
        let admitted = self.0.rates.admit(kind, cost, example);
        if !admitted && !had_left_out {
            // The thread decides to wait while it holds the lock.
            drop(self.0.lock());
            self.0.filled.notify_one();
        }
        admitted
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

    /// Waits until the queue is written, for a second at most. Without the thread it is written here.
    pub fn flush(&self) {
        self.0.tell();
        let mut pending = self.0.lock();
        if !pending.started {
            let _ = io::stderr().write_all(&std::mem::take(&mut pending.text));
            return;
        }
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
        let mut told = Instant::now();
        loop {
            self.wait_for_text(&mut told);
            if told.elapsed() >= TELLING {
                self.tell();
                told = Instant::now();
            }
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

    /// Waits for text, or until it is time to tell about lines that were left out.
    fn wait_for_text(&self, told: &mut Instant) {
        let was_quiet = !self.rates.has_left_out();
        let is_empty = |pending: &mut Pending| pending.text.is_empty();
        let pending = self.filled.wait_while(self.lock(), |pending| {
            is_empty(pending) && !self.rates.has_left_out()
        });
        let pending = pending.unwrap_or_else(PoisonError::into_inner);
        if was_quiet {
            *told = Instant::now();
        }
        let rest = TELLING.saturating_sub(told.elapsed());
        drop(self.filled.wait_timeout_while(pending, rest, is_empty));
    }

    fn tell(&self) {
        if self.rates.has_left_out() {
            self.rates.take_left_out().iter().for_each(tell);
        }
    }
}

/// The time between two reports of lines that were left out.
const TELLING: Duration = Duration::from_secs(1);

/// How long entries are gathered before they are written.
const GATHERING: Duration = Duration::from_millis(5);

/// The maximum size of the queue in bytes.
const MAX_QUEUED: usize = 4 << 20;
