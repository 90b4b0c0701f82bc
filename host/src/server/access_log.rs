//! The access log: a line for each request, or with `-v` its head and the response's.

use std::fmt::{Display, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

use super::stderr::Stderr;
use crate::http::{self, Gone, Head, Reject, SendError, Sent};
use crate::sandbox::Failure;

/// How much is told of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// A line in the Common Log Format, and the time taken.
    Line,
    /// The heads of request and response, as `curl -v` shows them.
    Heads,
}

/// Where the lines go, and how much they tell.
#[derive(Clone)]
pub struct AccessLog {
    detail: Detail,
    stderr: Stderr,
}

impl AccessLog {
    pub fn new(detail: Detail, stderr: Stderr) -> Self {
        Self { detail, stderr }
    }

    /// Waits until all that was logged is written, or for a second.
    pub fn flush(&self) {
        self.stderr.flush();
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
        let failure = legible(&failure.to_string());
        tracing::error!(client = %self.peer, request = self.line, "{failure}");
    }

    pub fn unsendable(&self, error: &SendError) {
        let error = legible(&error.to_string());
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
        let taken = self.started.elapsed().as_micros();
        let _ = writeln!(
            text,
            "\" {status} {bytes} {}.{:03}ms",
            taken / 1000,
            taken % 1000
        );
        self.log.stderr.push(text.as_bytes());
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
        self.log.stderr.push(text.as_bytes());
    }
}

/// The reason for a failure, of which a handler may have written a part: the names of its functions and fields.
///
/// It may have several lines, but none that looks like a line of the log, no escape sequences and no novels.
fn legible(reason: &str) -> String {
    let mut text = String::with_capacity(reason.len().min(MAX_REASON));
    for c in reason.chars() {
        match c {
            '\n' => text.push_str("\n    "),
            c if c.is_control() => text.extend(c.escape_default()),
            c => text.push(c),
        }
        if text.len() >= MAX_REASON {
            text.push_str("...");
            break;
        }
    }
    text
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
    let date = http::now();
    let part = |range| date.get(range).and_then(|part| str::from_utf8(part).ok());
    if let (Some(day), Some(month), Some(year), Some(clock)) =
        (part(5..7), part(8..11), part(12..16), part(17..25))
    {
        for part in [day, "/", month, "/", year, ":", clock, " +0000"] {
            text.push_str(part);
        }
    }
}

/// nginx's status for a client that went away before its answer; it is only ever logged.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Bytes that the log tells of the reason for a failure.
const MAX_REASON: usize = 8 << 10;
