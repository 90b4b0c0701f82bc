//! One request and its outcome, reported to the access log when the exchange ends.

use std::time::Instant;

use belljar_http::{ClientGone, Head, SendError, Sent};

use super::access_log::{AccessLog, Direction, Entry};

/// One request, from its first byte to the end of its response, as the access log needs it.
pub(super) struct Exchange<'a> {
    log: &'a AccessLog,
    /// Address and port.
    client: &'a str,
    started: Instant,
    /// `GET /path HTTP/1.1`. Empty until a head was parsed.
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

    /// Notes the request line, and logs the head if the log shows heads.
    pub fn request(&mut self, head: &Head) {
        let version = head.version().as_str();
        self.line
            .reserve(head.method().len() + head.target().len() + version.len() + 2);
        for part in [head.method(), " ", head.target(), " ", version] {
            self.line.push_str(part);
        }
        self.log.head(Direction::Request, head.raw());
    }

    pub fn client(&self) -> &str {
        self.client
    }

    /// `GET /path HTTP/1.1`
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The response was sent completely. `head` is its head as sent.
    pub fn sent(&self, sent: &Sent, head: &[u8]) {
        self.finish(sent.status, Some(sent.body_bytes), head);
    }

    /// The client closed the connection before the handler answered.
    pub fn client_gone(&self, gone: &ClientGone) {
        tracing::debug!(client = self.client, request = self.line, "{gone}");
        self.log.entry(&self.entry(CLIENT_CLOSED_REQUEST, None));
    }

    /// The connection ended before the response was sent completely. `head` is what was sent of its head.
    pub fn cut(&self, error: &SendError, head: &[u8]) {
        tracing::warn!(
            client = self.client,
            request = self.line,
            "connection cut: {error}"
        );
        self.finish(CLIENT_CLOSED_REQUEST, None, head);
    }

    fn finish(&self, status: u16, body_bytes: Option<u64>, head: &[u8]) {
        match self.log.shows_heads() {
            true => self.log.head(Direction::Response, head),
            false => self.log.entry(&self.entry(status, body_bytes)),
        }
    }

    fn entry(&self, status: u16, body_bytes: Option<u64>) -> Entry<'_> {
        Entry {
            client: self.client,
            line: &self.line,
            status,
            body_bytes,
            taken: self.started.elapsed(),
        }
    }
}

/// nginx's status for a request whose connection ended before the response was complete. It appears in the log only.
const CLIENT_CLOSED_REQUEST: u16 = 499;
