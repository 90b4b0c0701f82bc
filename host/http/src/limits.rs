//! The limits of a connection.

use std::time::Duration;

/// Limits on how much a client may send, and on how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of a request head, and of the fields of a response, in bytes. Request heads are limited to 1 MiB
    /// even if this is larger.
    pub max_head: usize,
    /// Maximum size of a request body in bytes, without its chunked coding.
    pub max_body: u64,
    /// Time to receive a request head, from its first byte.
    pub header_timeout: Duration,
    /// Total time that a handler may wait for bytes of the body. It grows by a second for each KiB received, so that a
    /// slow but steady client is served.
    pub body_timeout: Duration,
    /// Time from the start of the connection, or the end of a response, to the first byte of the next request.
    pub idle_timeout: Duration,
    /// Time that sending may take without progress.
    pub send_timeout: Duration,
    /// Time that a streamed body may produce nothing.
    pub stream_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_head: 32 << 10,
            max_body: 64 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(30),
            stream_timeout: Duration::from_secs(60),
        }
    }
}

/// Maximum number of field lines in the head of a request or a response.
pub(crate) const MAX_FIELDS: usize = 128;
