//! What a handler may use.

use std::fmt;
use std::time::Duration;

/// What a handler and each of its requests may use of the machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Wall clock of a request in the guest, from the call to the answer. Beyond it: 504.
    pub timeout: Duration,
    /// Time that a request's guest may keep a processor busy. Beyond it: 504.
    pub cpu: Duration,
    /// Bytes of all linear memories and tables of an instance together. Beyond it `memory.grow` fails.
    pub memory: usize,
    /// Bytes of all linear memories and tables of all the handler's instances together. Beyond it `memory.grow` fails.
    pub total_memory: usize,
    /// Handles (files, streams, pollables) that an instance holds at once. Beyond it: a trap, so 500.
    pub max_handles: usize,
    /// Instances of the handler that answer at once. Beyond it requests wait, and also where the engine has no place
    /// for one more, all handlers taken together: half of the engine's places are guaranteed to its handlers in equal
    /// parts, the others are for whoever asks.
    pub max_instances: u32,
    /// Requests that wait for an instance. Beyond it: 503 at once.
    pub max_queue: u32,
    /// How long a request waits for an instance. Beyond it: 503.
    pub queue_timeout: Duration,
    /// Requests of all clients. Beyond it: 429.
    pub rate: Option<Rate>,
    /// Requests of one client, by its address (of IPv6 by its network of 64 bits). Beyond it: 429.
    pub client_rate: Option<Rate>,
}

/// How many requests may come in a time: a bucket of `burst` tokens, refilled evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In each `per`. At least 1.
    pub requests: u32,
    pub per: Duration,
    /// Requests that may come at once after a pause. At least 1.
    pub burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            cpu: Duration::from_secs(10),
            memory: 64 << 20,
            total_memory: usize::MAX,
            max_handles: 256,
            max_instances: 1000,
            max_queue: 10_000,
            queue_timeout: Duration::from_secs(5),
            rate: None,
            client_rate: None,
        }
    }
}

impl fmt::Display for Rate {
    /// As it is written in `belljar.toml`: `100/s`, or `100/s burst 500` where the burst is not the same number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.requests)?;
        match UNITS.iter().find(|(_, per)| *per == self.per) {
            Some((unit, _)) => f.write_str(unit)?,
            None => write!(f, "{:?}", self.per)?,
        }
        match self.burst == self.requests {
            true => Ok(()),
            false => write!(f, " burst {}", self.burst),
        }
    }
}

/// The times that a rate is written for.
const UNITS: [(&str, Duration); 3] = [
    ("s", Duration::from_secs(1)),
    ("min", Duration::from_secs(60)),
    ("h", Duration::from_secs(60 * 60)),
];
