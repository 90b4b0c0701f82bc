//! Why a guest gave no answer, and why a component could not be loaded.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::account::limits::Rate;
use crate::wasi::stdio::captured_output::Transcript;

/// Why a guest gave no answer that could be sent.
#[derive(Debug)]
pub enum Failure {
    /// The guest trapped, exited, or asked for more than it may have; the cause has its backtrace.
    Trap(wasmtime::Error),
    /// It answered with what cannot be sent.
    InvalidResponse(String),
    /// It came to its end without a response.
    NoResponse,
    /// It answered with an error of wasi:http.
    ErrorCode(String),
    /// The body of its response did not come to its end.
    Body(String),
    /// It used up the processor time of a request.
    Cpu(Duration),
    /// It had no answer within the wall clock of a request, or did not end within as long after it.
    Timeout(Duration),
    /// The instance that the request shared with others came to its end.
    Shared(Arc<Failure>),
    /// No instance came free within the queue's wait.
    NoInstance(Duration),
    /// As many requests wait for an instance as may.
    QueueFull(u32),
    /// There were more requests than the rate allows; the next may come after `wait`.
    RateExceeded {
        whose: Whose,
        rate: Rate,
        wait: Duration,
    },
    /// The handler's instances have all the bytes of memory that they may have together.
    NoMemory(usize),
}

/// Whose requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// All that the handler is asked.
    All,
    /// Those of one client.
    Client,
}

/// A failure, and what its developer wants to know of it.
#[derive(Debug)]
pub struct Failed {
    pub failure: Failure,
    /// What the guest wrote on its standard output and error while it answered this request, at most 64 KiB; none
    /// unless the handler is being [developed](super::Handler::developing).
    pub output: Option<String>,
}

impl Failed {
    pub(crate) fn new(failure: Failure, transcript: Option<&Transcript>) -> Self {
        Self {
            failure,
            output: transcript.map(Transcript::text),
        }
    }
}

impl Failure {
    /// The status that the client is answered with.
    pub fn status(&self) -> u16 {
        match self {
            Failure::Trap(_)
            | Failure::InvalidResponse(_)
            | Failure::NoResponse
            | Failure::ErrorCode(_)
            | Failure::Body(_) => 500,
            Failure::Shared(failure) => failure.status(),
            Failure::RateExceeded { .. } => 429,
            Failure::NoInstance(_) | Failure::QueueFull(_) | Failure::NoMemory(_) => 503,
            Failure::Cpu(_) | Failure::Timeout(_) => 504,
        }
    }

    /// Seconds after which the client may try again, where that is of use.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Failure::RateExceeded { wait, .. } => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Some(seconds.max(1))
            }
            Failure::NoInstance(_) | Failure::QueueFull(_) | Failure::NoMemory(_) => Some(1),
            Failure::Shared(failure) => failure.retry_after(),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Trap(error) => {
                write!(f, "the handler trapped: {}", error.root_cause())?;
                match error.downcast_ref::<wasmtime::WasmBacktrace>() {
                    Some(backtrace) => write!(f, "\n{backtrace}"),
                    None => Ok(()),
                }
            }
            Failure::InvalidResponse(reason) => {
                write!(f, "the handler's response cannot be sent: {reason}")
            }
            Failure::NoResponse => f.write_str("the handler ended without a response"),
            Failure::ErrorCode(code) => write!(f, "the handler answered with the error {code}"),
            Failure::Body(reason) => write!(f, "the body of the handler's response: {reason}"),
            Failure::Cpu(limit) => write!(
                f,
                "the handler used up its processor time of {limit:?} (cpu)"
            ),
            Failure::Timeout(limit) => {
                write!(f, "the handler had no answer within {limit:?} (timeout)")
            }
            Failure::Shared(failure) => failure.fmt(f),
            Failure::NoInstance(wait) => write!(
                f,
                "no instance came free within {wait:?} (queue-timeout); more max-instances allow more at once"
            ),
            Failure::QueueFull(most) => write!(
                f,
                "{most} requests wait for an instance of the handler, and no more may (max-queue); more max-instances \
                 allow more at once"
            ),
            Failure::RateExceeded { whose, rate, wait } => {
                let (whose, limit) = match whose {
                    Whose::All => ("the handler's", "rate"),
                    Whose::Client => ("this client's", "client-rate"),
                };
                write!(
                    f,
                    "{whose} requests are more than {rate} ({limit}); the next may come in {wait:.1?}"
                )
            }
            Failure::NoMemory(total) => write!(
                f,
                "the handler's instances have all {total} bytes of memory that they may have together (total-memory); \
                 with fewer max-instances, or less memory for each, requests wait instead"
            ),
        }
    }
}

/// Why a component cannot be a handler.
#[derive(Debug)]
pub enum LoadError {
    /// The bytes are WebAssembly, but a core module.
    CoreModule,
    /// The bytes are no WebAssembly component at all, or a damaged one.
    NotAComponent(wasmtime::Error),
    /// The engine that components of WASI 0.3 need does not start.
    NoEngine(wasmtime::Error),
    /// It exports no function that belljar knows how to call. Lists what it exports instead.
    NoHandler(Vec<String>),
    /// It imports what nobody granted it.
    NotGranted(Vec<String>),
    /// It imports or exports something known under another type.
    Mismatch(wasmtime::Error),
    /// What its memories hold at first cannot be laid out.
    NoImage(wasmtime::Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::CoreModule => write!(
                f,
                "it is a core WebAssembly module, not a component; build it with `--target wasm32-wasip2`, or turn \
                 it into a component with `wasm-tools component new`"
            ),
            LoadError::NotAComponent(error) => {
                let reason = error.root_cause().to_string();
                let reason = reason.lines().next().unwrap_or_default();
                write!(
                    f,
                    "it is no WebAssembly component ({reason}); build one with `cargo build --target wasm32-wasip2`"
                )
            }
            LoadError::NoEngine(error) => {
                write!(
                    f,
                    "the engine for components of WASI 0.3 does not start ({error:#})"
                )
            }
            LoadError::NoHandler(exports) if exports.is_empty() => {
                write!(f, "it exports nothing; a handler exports {CONTRACTS}")
            }
            LoadError::NoHandler(exports) => write!(
                f,
                "it exports no known handler, only {}; a handler exports {CONTRACTS}",
                exports.join(", ")
            ),
            LoadError::NotGranted(imports) => write!(
                f,
                "it imports {}, which a handler is not granted; build it without",
                imports.join(", ")
            ),
            LoadError::Mismatch(error) => write!(
                f,
                "its types are not those that belljar knows by these names ({}); build it again with the current wit/, \
                 or a released version of WASI",
                format!("{error:#}").replace('\n', " ")
            ),
            LoadError::NoImage(error) => {
                let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
                write!(
                    f,
                    "the system does not lay out what its memories hold at first ({}); it may with more memory, with \
                     more open files (ulimit -n), or at another time",
                    causes.join(": ")
                )
            }
        }
    }
}

impl std::error::Error for LoadError {}

const CONTRACTS: &str = "`handle` of belljar:handler/handler (see wit/), wasi:http/incoming-handler@0.2 or \
                         wasi:http/handler@0.3";

/// Raised in a guest that used up its processor time.
#[derive(Debug)]
pub(crate) struct CpuExceeded;

impl fmt::Display for CpuExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the processor time of a request is used up")
    }
}

impl std::error::Error for CpuExceeded {}
