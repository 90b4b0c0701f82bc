//! One request and its outcome, reported to the access log when the exchange ends.

use std::time::Instant;

use belljar_http::{ClientGone, Head, Reject, SendError, Sent};

use super::access_log::{AccessLog, Direction, Entry};

/// One request, from its first byte to the end of its response, as the access log needs it.
pub(super) struct Exchange<'a> {
    log: &'a AccessLog,
    /// Address and port.
    client: &'a str,
    started: Instant,
    /// `GET /path HTTP/1.1`. Empty until a head was parsed.
    line: String,
    /// Why the server refuses the request.
    refused: Option<Reject>,
}

impl<'a> Exchange<'a> {
    pub fn new(log: &'a AccessLog, client: &'a str) -> Self {
        Self {
            log,
            client,
            started: Instant::now(),
            line: String::new(),
            refused: None,
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

    /// The server refuses the request, because it is malformed or exceeds a limit. No handler sees it to its end.
    pub fn refused(&mut self, reason: Reject) {
        self.refused = Some(reason);
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
        match self.refused {
            Some(refused) => {
                let reason = refused.to_string();
                if self.log.admits_refused(&reason) {
                    self.finish(sent.status, Some(sent.body_bytes), head, Some(&reason));
                }
            }
            None => self.finish(sent.status, Some(sent.body_bytes), head, None),
        }
    }

    /// The client closed the connection before the handler answered.
    pub fn client_gone(&self, gone: &ClientGone) {
        tracing::debug!(client = self.client, request = self.line, "{gone}");
        self.log
            .entry(&self.entry(CLIENT_CLOSED_REQUEST, None, None));
    }

    /// The connection ended before the response was sent completely. `head` is what was sent of its head.
    pub fn cut(&self, error: &SendError, head: &[u8]) {
        let reason = format!("connection cut: {error}");
        if !error.is_of_client() {
            tracing::warn!(client = self.client, request = self.line, "{reason}");
            return self.finish(CLIENT_CLOSED_REQUEST, None, head, None);
        }
        if self.refused.is_none() || self.log.admits_refused(&reason) {
            self.finish(CLIENT_CLOSED_REQUEST, None, head, Some(&reason));
        }
    }

    fn finish(&self, status: u16, body_bytes: Option<u64>, head: &[u8], reason: Option<&str>) {
        if !self.log.shows_heads() {
            return self.log.entry(&self.entry(status, body_bytes, reason));
        }
        if let Some(reason) = reason {
            self.log.reason(reason);
        }
        self.log.head(Direction::Response, head);
    }

    fn entry<'b>(
        &'b self,
        status: u16,
        body_bytes: Option<u64>,
        reason: Option<&'b str>,
    ) -> Entry<'b> {
        Entry {
            client: self.client,
            line: &self.line,
            status,
            body_bytes,
            taken: self.started.elapsed(),
            reason,
        }
    }
}

/// nginx's status for a request whose connection ended before the response was complete. It appears in the log only.
const CLIENT_CLOSED_REQUEST: u16 = 499;
