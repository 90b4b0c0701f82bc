//! Why a request got no answer from its handler.
//!
//! A [`Failure`] says what happened inside the sandbox. Which HTTP status the client gets for it is up to the server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::account::ledger::Exceeded;
use crate::account::limits::Rate;
use crate::account::resource::Scope;

/// Why a handler gave no response that can be sent.
#[derive(Debug)]
pub enum Failure {
    /// The guest trapped or exited. The error holds the guest's backtrace.
    Trap(wasmtime::Error),
    /// The response of the guest cannot be sent.
    InvalidResponse(String),
    /// The guest ended without a response.
    NoResponse,
    /// The guest answered with an error code of wasi:http.
    ErrorCode(String),
    /// The guest did not finish the body of its response.
    Body(String),
    /// The guest trapped because it had as many handles as an instance may have. The error holds the guest's backtrace.
    TooManyHandles(usize, wasmtime::Error),
    /// The request exceeded its CPU time.
    Cpu(Duration),
    /// There was no response within the wall-clock time of a request, or the guest did not end within the same time
    /// after its response.
    Timeout(Duration),
    /// The instance that the request shared with others failed.
    Shared(Arc<Failure>),
    /// No instance became free within the queue timeout.
    NoInstance(Duration),
    /// As many requests are queued as the limit allows.
    QueueFull(u32),
    /// The request took long, and its instance was recalled: the client's address had more than half of the handler's
    /// instances, while another client waited and had none.
    Recalled,
    /// The requests exceed a rate limit; the next one is allowed after `wait`.
    RateExceeded {
        whose: Whose,
        rate: Rate,
        wait: Duration,
    },
    /// There is no memory for the instance or its response: all of it is in use.
    NoMemory(MemoryLimit),
}

/// The limit of the memory that is in use, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// What the handler may use.
    Handler(u64),
    /// What all handlers together may use.
    Server(u64),
}

/// Whose requests a rate limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// All requests to the handler.
    All,
    /// The requests of one client.
    Client,
}

/// A failure, with what helps the handler's developer.
#[derive(Debug)]
pub struct Failed {
    pub failure: Failure,
    /// The standard output and error of the guest during this request, at most 64 KiB. None unless the handler captures
    /// output ([`HandlerBuilder::developing`](crate::HandlerBuilder::developing)).
    pub output: Option<String>,
}

impl Failure {
    /// A charge for memory was refused.
    pub(crate) fn no_memory(exceeded: Exceeded) -> Self {
        Self::NoMemory(match exceeded.scope {
            Scope::Server => MemoryLimit::Server(exceeded.limit),
            Scope::Request | Scope::Instance | Scope::Handler => {
                MemoryLimit::Handler(exceeded.limit)
            }
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Trap(error) => {
                write!(f, "the handler trapped: {}", error.root_cause())?;
                write_backtrace(f, error)
            }
            Failure::TooManyHandles(limit, error) => {
                write!(
                    f,
                    "the handler trapped: it has all of the {limit} handles that an instance may have (max-handles); \
                     close files and streams after use, or raise max-handles"
                )?;
                write_backtrace(f, error)
            }
            Failure::InvalidResponse(reason) => {
                write!(f, "the handler's response cannot be sent: {reason}")
            }
            Failure::NoResponse => f.write_str("the handler ended without a response"),
            Failure::ErrorCode(code) => write!(f, "the handler answered with the error {code}"),
            Failure::Body(reason) => {
                write!(
                    f,
                    "the body of the handler's response is incomplete: {reason}"
                )
            }
            Failure::Cpu(limit) => write!(
                f,
                "the handler exceeded its CPU time of {limit:?} for a request (cpu)"
            ),
            Failure::Timeout(limit) => {
                write!(f, "the handler did not finish within {limit:?} (timeout)")
            }
            Failure::Shared(failure) => failure.fmt(f),
            Failure::NoInstance(wait) => write!(
                f,
                "no instance became free within {wait:?} (queue-timeout); raise max-instances to allow more at once"
            ),
            Failure::QueueFull(max) => write!(
                f,
                "{max} requests already wait for an instance of the handler (max-queue); raise max-instances to allow \
                 more at once"
            ),
            Failure::Recalled => f.write_str(
                "the client's address had more than half of the handler's instances, and another client waited for one; \
                 raise max-instances to allow more at once",
            ),
            Failure::RateExceeded { whose, rate, wait } => {
                let (whose, limit) = match whose {
                    Whose::All => ("requests to the handler", "rate"),
                    Whose::Client => ("requests of this client", "client-rate"),
                };
                write!(
                    f,
                    "{whose} exceed {rate} ({limit}); the next one is allowed in {wait:.1?}"
                )
            }
            Failure::NoMemory(MemoryLimit::Handler(limit)) => write!(
                f,
                "the handler uses all of its {limit} bytes of memory (total-memory), for instances and for responses that \
                 wait for their clients; raise total-memory, or lower max-instances or memory, so that requests wait instead"
            ),
            Failure::NoMemory(MemoryLimit::Server(limit)) => write!(
                f,
                "the handlers use all of the {limit} bytes of memory that are not guaranteed to others (total-memory of the \
                 server), for instances and for responses that wait for their clients; raise total-memory, or lower \
                 max-instances or memory, so that requests wait instead"
            ),
        }
    }
}

fn write_backtrace(f: &mut fmt::Formatter<'_>, error: &wasmtime::Error) -> fmt::Result {
    match error.downcast_ref::<wasmtime::WasmBacktrace>() {
        Some(backtrace) => write!(f, "\n{backtrace}"),
        None => Ok(()),
    }
}

/// The error that ends a guest which exceeded its CPU time.
#[derive(Debug)]
pub(crate) struct CpuExceeded;

impl fmt::Display for CpuExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the CPU time of the request is used up")
    }
}

impl std::error::Error for CpuExceeded {}
