use std::time::Duration;

/// How much a client may send, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest head of a request in bytes, and the most bytes of fields in a response. No more than 1 MiB
    /// is allowed for, whatever is set here.
    pub max_head: usize,
    /// The longest body of a request in bytes, its chunked coding taken off.
    pub max_body: u64,
    /// From a request's first byte to the end of its head.
    pub header_timeout: Duration,
    /// All the time that a handler may spend waiting for bytes of the body. The allowance grows by a second
    /// for each KiB received, so that a slow but honest client is served.
    pub body_timeout: Duration,
    /// From the end of a response, or the connection's beginning, to the next request's first byte.
    pub idle_timeout: Duration,
    /// How long sending may go without any progress.
    pub send_timeout: Duration,
    /// How long the source of a body that is a stream may go without sending anything.
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

/// The most field lines in a head, of a request and of a response.
pub(crate) const MAX_FIELDS: usize = 128;
