//! The access log: a line for each request, or with `-v` its head and the response's.

use std::fmt::{Display, Write as _};
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::http::{Gone, Head, Reject, SendError, Sent};
use crate::sandbox::Failure;

/// How much is told of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// A line in the Common Log Format, and the time taken.
    Line,
    /// The heads of request and response, as `curl -v` shows them.
    Heads,
}

/// Writes to standard error from a thread of its own: no request waits for whoever reads the log.
#[derive(Clone)]
pub struct AccessLog {
    detail: Detail,
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    lines: Mutex<Lines>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    lost: u64,
    writing: bool,
}

impl AccessLog {
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub fn start(detail: Detail) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let writer = queue.clone();
        thread::Builder::new()
            .name("access-log".into())
            .spawn(move || writer.write_out())?;
        Ok(Self { detail, queue })
    }

    /// Waits until all that was logged is written, or for a second.
    pub fn flush(&self) {
        let lines = self.queue.lock();
        let pending = |lines: &mut Lines| lines.writing || !lines.text.is_empty();
        let _ = self
            .queue
            .written
            .wait_timeout_while(lines, Duration::from_secs(1), pending);
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, text: &[u8]) {
        let mut lines = self.lock();
        if lines.text.len() + text.len() > MAX_QUEUED {
            lines.lost += 1;
            return;
        }
        let was_empty = lines.text.is_empty();
        lines.text.extend_from_slice(text);
        drop(lines);
        if was_empty {
            self.filled.notify_one();
        }
    }

    fn write_out(&self) {
        let mut text = Vec::new();
        loop {
            self.wait_for_lines();
            // Gathered for a moment: a line at a time would cost a busy server two switches of thread a request.
            thread::sleep(GATHERING);
            let mut lines = self.lock();
            std::mem::swap(&mut lines.text, &mut text);
            let lost = std::mem::take(&mut lines.lost);
            lines.writing = true;
            drop(lines);
            // With nobody to read it there is nobody to tell.
            let _ = std::io::stderr().write_all(&text);
            if lost > 0 {
                let _ = writeln!(
                    std::io::stderr(),
                    "belljar: {lost} log entries lost: standard error is read too slowly"
                );
            }
            text.clear();
            self.lock().writing = false;
            self.written.notify_all();
        }
    }

    fn wait_for_lines(&self) {
        let lines = self
            .filled
            .wait_while(self.lock(), |lines| lines.text.is_empty());
        drop(lines);
    }
}

/// What is known of one request, told to the log when it is over.
pub(super) struct Exchange<'a> {
    log: &'a AccessLog,
    peer: SocketAddr,
    started: Instant,
    /// `GET /path HTTP/1.1`; empty where no head was understood.
    line: String,
}

impl<'a> Exchange<'a> {
    pub fn new(log: &'a AccessLog, peer: SocketAddr) -> Self {
        Self {
            log,
            peer,
            started: Instant::now(),
            line: String::new(),
        }
    }

    pub fn request(&mut self, head: &Head) {
        self.line
            .reserve(head.method().len() + head.target().len() + " / HTTP/1.1".len());
        let _ = write!(
            self.line,
            "{} {} {}",
            head.method(),
            head.target(),
            head.version()
        );
        if self.log.detail == Detail::Heads {
            self.show('>', head.raw());
        }
    }

    pub fn sent(&self, sent: &Sent, head: &[u8]) {
        match self.log.detail {
            Detail::Heads => self.show('<', head),
            Detail::Line => self.line(sent.status, Some(sent.body_bytes)),
        }
    }

    pub fn rejected(&self, reason: &Reject) {
        tracing::info!(client = %self.peer, "request refused with {}: {reason}", reason.status());
    }

    pub fn failed(&self, failure: &Failure) {
        tracing::error!(client = %self.peer, request = self.line, "{failure}");
    }

    pub fn unsendable(&self, error: &SendError) {
        tracing::error!(client = %self.peer, request = self.line, "the handler's response cannot be sent: {error}");
    }

    pub fn gone(&self, gone: &Gone) {
        tracing::debug!(client = %self.peer, request = self.line, "{gone}");
        self.line(CLIENT_CLOSED_REQUEST, None);
    }

    pub fn cut(&self, error: &SendError, head: &[u8]) {
        tracing::warn!(client = %self.peer, request = self.line, "connection cut: {error}");
        match self.log.detail {
            Detail::Heads => self.show('<', head),
            Detail::Line => self.line(CLIENT_CLOSED_REQUEST, None),
        }
    }

    fn line(&self, status: u16, bytes: Option<u64>) {
        let mut text = String::with_capacity(self.line.len() + 96);
        let _ = write!(text, "{} - - [", self.peer.ip());
        time(&mut text);
        text.push_str("] \"");
        if self.line.is_empty() {
            text.push('-')
        } else {
            quoted(&mut text, &self.line)
        }
        let bytes: &dyn Display = match &bytes {
            Some(bytes) => bytes,
            None => &"-",
        };
        let _ = writeln!(
            text,
            "\" {status} {bytes} {:.3}ms",
            self.started.elapsed().as_secs_f64() * 1e3
        );
        self.log.queue.push(text.as_bytes());
    }

    fn show(&self, direction: char, head: &[u8]) {
        let mut text = String::with_capacity(head.len() + 64);
        for line in String::from_utf8_lossy(head)
            .split("\r\n")
            .filter(|line| !line.is_empty())
        {
            let _ = write!(text, "{direction} ");
            text.extend(line.chars().map(|c| {
                if c.is_control() && c != '\t' {
                    char::REPLACEMENT_CHARACTER
                } else {
                    c
                }
            }));
            text.push('\n');
        }
        let _ = writeln!(text, "{direction} ");
        self.log.queue.push(text.as_bytes());
    }
}

/// As nginx does: a quote in the target must not end the field.
fn quoted(text: &mut String, line: &str) {
    for c in line.chars() {
        match c {
            '"' => text.push_str("\\x22"),
            '\\' => text.push_str("\\x5C"),
            c => text.push(c),
        }
    }
}

/// The time as the Common Log Format has it: `21/Nov/2026:08:05:03 +0000`.
fn time(text: &mut String) {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    // `Sat, 21 Nov 2026 08:05:03 GMT`
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
    if let (Some(day), Some(month), Some(year), Some(clock)) = (
        date.get(5..7),
        date.get(8..11),
        date.get(12..16),
        date.get(17..25),
    ) {
        let _ = write!(text, "{day}/{month}/{year}:{clock} +0000");
    }
}

/// nginx's status for a client that went away before its answer; it is only ever logged.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// How long lines are gathered before they are written.
const GATHERING: Duration = Duration::from_millis(5);

/// Bytes of log that wait for the writer.
const MAX_QUEUED: usize = 4 << 20;
