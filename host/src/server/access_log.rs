//! The access log: one line for each request, with a reason if the server refused it or cut the response, or with `-v` the heads of the request and the response.

use std::fmt::Write as _;
use std::time::Duration;

use super::log_rates::{LineCost, LineKind};
use super::stderr::Stderr;

/// How much the log shows of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// One line in the Common Log Format, followed by the time taken.
    Line,
    /// The heads of the request and the response, in the format of `curl -v`.
    Heads,
}

/// Writes the access log to standard error.
#[derive(Clone)]
pub struct AccessLog {
    detail: Detail,
    stderr: Stderr,
}

/// What a log line shows of a request and its response.
pub(super) struct Entry<'a> {
    /// Address and port.
    pub client: &'a str,
    /// `GET /path HTTP/1.1`. Empty if no head was parsed.
    pub line: &'a str,
    pub status: u16,
    /// None if the response was not sent completely.
    pub body_bytes: Option<u64>,
    /// From the request's first byte to the end of the response.
    pub taken: Duration,
    /// Why the server refused the request, or why the response is incomplete.
    pub reason: Option<&'a str>,
}

/// Which message a head belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Response,
}

impl AccessLog {
    pub fn new(detail: Detail, stderr: Stderr) -> Self {
        Self { detail, stderr }
    }

    /// Waits until all entries are written, for a second at most.
    pub fn flush(&self) {
        self.stderr.flush();
    }

    pub(super) fn shows_heads(&self) -> bool {
        self.detail == Detail::Heads
    }

    /// Writes the line of a request. It runs for every request and avoids the formatter, which would take as long as
    /// parsing the request's head.
    pub(super) fn entry(&self, entry: &Entry<'_>) {
        let mut text = Vec::with_capacity(entry.line.len() + 128);
        text.extend_from_slice(ip(entry.client).as_bytes());
        text.extend_from_slice(b" - - [");
        time(&mut text);
        text.extend_from_slice(b"] \"");
        match entry.line {
            "" => text.push(b'-'),
            line => quoted(&mut text, line),
        }
        text.extend_from_slice(b"\" ");
        number(&mut text, entry.status.into());
        text.push(b' ');
        match entry.body_bytes {
            Some(bytes) => number(&mut text, bytes),
            None => text.push(b'-'),
        }
        text.push(b' ');
        let taken = u64::try_from(entry.taken.as_micros()).unwrap_or(u64::MAX);
        number(&mut text, taken / 1000);
        text.push(b'.');
        for digit in [taken / 100, taken / 10, taken] {
            text.push(b'0' + (digit % 10) as u8);
        }
        text.extend_from_slice(b"ms");
        if let Some(reason) = entry.reason {
            text.extend_from_slice(b" \"");
            quoted(&mut text, reason);
            text.push(b'"');
        }
        text.push(b'\n');
        self.stderr.push(&text);
    }

    /// Whether the line of a refused request may be written. If not, the log tells the number of such lines later: a
    /// client can send malformed requests faster than others.
    pub(super) fn admits_refused(&self, reason: &str) -> bool {
        let kind = LineKind {
            message: reason.to_owned().into(),
            handler: None,
        };
        let example = || format!("request refused: {reason}");
        self.stderr.admit(kind, LineCost::Lines(1), example)
    }

    /// Writes why a request has no complete response, if the log [shows heads](Self::shows_heads).
    pub(super) fn reason(&self, reason: &str) {
        self.stderr.push(format!("* {reason}\n").as_bytes());
    }

    /// Writes a head if the log [shows heads](Self::shows_heads): each line behind `>` for a request, `<` for a
    /// response.
    pub(super) fn head(&self, direction: Direction, head: &[u8]) {
        if !self.shows_heads() {
            return;
        }
        let mark = match direction {
            Direction::Request => '>',
            Direction::Response => '<',
        };
        let mut text = String::with_capacity(head.len() + 64);
        for line in String::from_utf8_lossy(head)
            .split("\r\n")
            .filter(|line| !line.is_empty())
        {
            let _ = write!(text, "{mark} ");
            text.extend(line.chars().map(|c| {
                if c.is_control() && c != '\t' {
                    char::REPLACEMENT_CHARACTER
                } else {
                    c
                }
            }));
            text.push('\n');
        }
        let _ = writeln!(text, "{mark} ");
        self.stderr.push(text.as_bytes());
    }
}

/// The address without its port. An IPv6 address also loses its brackets.
fn ip(client: &str) -> &str {
    let address = client
        .rsplit_once(':')
        .map_or(client, |(address, _)| address);
    address.trim_matches(['[', ']'])
}

fn number(text: &mut Vec<u8>, number: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Escapes quotes and backslashes as nginx does: a quote in the target must not end the field.
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

/// The time in the Common Log Format: `21/Nov/2026:08:05:03 +0000`.
fn time(text: &mut Vec<u8>) {
    let date = belljar_http::now();
    for (part, end) in [(5..7, "/"), (8..11, "/"), (12..16, ":"), (17..25, " +0000")] {
        text.extend_from_slice(date.get(part).unwrap_or_default());
        text.extend_from_slice(end.as_bytes());
    }
}
