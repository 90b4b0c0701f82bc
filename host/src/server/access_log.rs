//! The access log: a line for each request, or with `-v` its head and the response's.

use std::fmt::Write as _;
use std::time::Instant;

use super::route_target::{Missing, Run};
use super::stderr::Stderr;
use belljar_http::{self as http, Gone, Head, Reject, SendError, Sent};
use belljar_sandbox::Failure;

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
    /// Address and port.
    client: &'a str,
    started: Instant,
    /// `GET /path HTTP/1.1`; empty where no head was understood.
    line: String,
}

impl<'a> Exchange<'a> {
    pub fn new(log: &'a AccessLog, client: &'a str) -> Self {
        Self {
            log,
            client,
            started: Instant::now(),
            line: String::new(),
        }
    }

    pub fn request(&mut self, head: &Head) {
        let version = head.version().as_str();
        self.line
            .reserve(head.method().len() + head.target().len() + version.len() + 2);
        for part in [head.method(), " ", head.target(), " ", version] {
            self.line.push_str(part);
        }
        if self.log.detail == Detail::Heads {
            self.show('>', head.raw());
        }
    }

    /// `GET /path HTTP/1.1`
    pub fn line(&self) -> &str {
        &self.line
    }

    pub fn sent(&self, sent: &Sent, head: &[u8]) {
        match self.log.detail {
            Detail::Heads => self.show('<', head),
            Detail::Line => self.log_line(sent.status, Some(sent.body_bytes)),
        }
    }

    pub fn rejected(&self, reason: &Reject) {
        tracing::info!(
            client = self.client,
            "request refused with {}: {reason}",
            reason.status()
        );
    }

    pub fn failed(&self, failure: &Failure, run: &Run) {
        let reason = legible(&failure.to_string());
        let (client, request, handler) = (self.client, &*self.line, &*run.name);
        match failure {
            // Who asks too much is not to fill the log with errors: nothing is wrong.
            Failure::RateExceeded { .. } => tracing::info!(client, request, handler, "{reason}"),
            _ => tracing::error!(client, request, handler, "{reason}"),
        }
    }

    pub fn missing(&self, missing: &Missing) {
        let handler = &*missing.name;
        tracing::error!(
            client = self.client,
            request = self.line,
            handler,
            "the handler is not live: its component was refused"
        );
    }

    pub fn unsendable(&self, error: &SendError) {
        let error = legible(&error.to_string());
        tracing::error!(
            client = self.client,
            request = self.line,
            "the handler's response cannot be sent: {error}"
        );
    }

    pub fn gone(&self, gone: &Gone) {
        tracing::debug!(client = self.client, request = self.line, "{gone}");
        self.log_line(CLIENT_CLOSED_REQUEST, None);
    }

    pub fn cut(&self, error: &SendError, head: &[u8]) {
        tracing::warn!(
            client = self.client,
            request = self.line,
            "connection cut: {error}"
        );
        match self.log.detail {
            Detail::Heads => self.show('<', head),
            Detail::Line => self.log_line(CLIENT_CLOSED_REQUEST, None),
        }
    }

    // Written for every request, so without the formatter, which would take as long as the request's head.
    fn log_line(&self, status: u16, bytes: Option<u64>) {
        let mut text = Vec::with_capacity(self.line.len() + 128);
        text.extend_from_slice(ip(self.client).as_bytes());
        text.extend_from_slice(b" - - [");
        time(&mut text);
        text.extend_from_slice(b"] \"");
        match self.line.as_str() {
            "" => text.push(b'-'),
            line => quoted(&mut text, line),
        }
        text.extend_from_slice(b"\" ");
        number(&mut text, status.into());
        text.push(b' ');
        match bytes {
            Some(bytes) => number(&mut text, bytes),
            None => text.push(b'-'),
        }
        text.push(b' ');
        let taken = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        number(&mut text, taken / 1000);
        text.push(b'.');
        for digit in [taken / 100, taken / 10, taken] {
            text.push(b'0' + (digit % 10) as u8);
        }
        text.extend_from_slice(b"ms\n");
        self.log.stderr.push(&text);
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
pub(crate) fn legible(reason: &str) -> String {
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

/// The address without its port, and an IPv6 one without its brackets.
fn ip(client: &str) -> &str {
    let address = client
        .rsplit_once(':')
        .map_or(client, |(address, _)| address);
    address.trim_matches(['[', ']'])
}

fn number(text: &mut Vec<u8>, number: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// As nginx does: a quote in the target must not end the field.
fn quoted(text: &mut Vec<u8>, line: &str) {
    let mut rest = line.as_bytes();
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let (before, from) = rest.split_at(at);
        text.extend_from_slice(before);
        text.extend_from_slice(match from {
            [b'"', ..] => b"\\x22",
            _ => b"\\x5C",
        });
        rest = from.get(1..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
}

/// The time as the Common Log Format has it: `21/Nov/2026:08:05:03 +0000`.
fn time(text: &mut Vec<u8>) {
    let date = http::now();
    for (part, end) in [(5..7, "/"), (8..11, "/"), (12..16, ":"), (17..25, " +0000")] {
        text.extend_from_slice(date.get(part).unwrap_or_default());
        text.extend_from_slice(end.as_bytes());
    }
}

/// nginx's status for a client that went away before its answer; it is only ever logged.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Bytes that the log tells of the reason for a failure.
const MAX_REASON: usize = 8 << 10;
