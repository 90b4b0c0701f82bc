//! Maps a handler's failure to the response that the client gets.
//!
//! The client learns the status only. With `--dev` it gets an error page with everything known about the failure.

use belljar_http::Response;
use belljar_sandbox::{Failed, Failure};

use super::error_page;
use super::live_reload::Build;
use super::route_target::{ActiveHandler, MissingHandler};

/// The response to a request whose handler failed. `line` is the request's method, target and version.
pub(super) fn of(failed: &Failed, active: &ActiveHandler, line: &str) -> Response {
    let status = status(&failed.failure);
    let response = match active.handler.is_developing() {
        true => error_page::failure(failed, active, line, status),
        false => Response::error(status),
    };
    match retry_after(&failed.failure) {
        Some(seconds) => response.with_field("Retry-After", &seconds.to_string()),
        None => response,
    }
}

/// 503: the route exists, and a good build of its handler may be deployed at any time.
///
/// `build` is the state of the newest build, if this server knows it.
pub(super) fn of_missing(missing: &MissingHandler, line: &str, build: Option<&Build>) -> Response {
    match &missing.reason {
        Some(reason) => error_page::missing(missing, reason, line, 503, build),
        None => Response::error(503),
    }
}

fn status(failure: &Failure) -> u16 {
    match failure {
        Failure::Trap(_)
        | Failure::TooManyHandles(..)
        | Failure::InvalidResponse(_)
        | Failure::NoResponse
        | Failure::ErrorCode(_)
        | Failure::Body(_) => 500,
        Failure::Shared(failure) => status(failure),
        Failure::RateExceeded { .. } => 429,
        Failure::NoInstance(_)
        | Failure::QueueFull(_)
        | Failure::Recalled
        | Failure::NoMemory(_) => 503,
        Failure::Cpu(_) | Failure::Timeout(_) => 504,
    }
}

/// The seconds after which the client may try again (RFC 9110, section 10.2.3). None where waiting does not help.
fn retry_after(failure: &Failure) -> Option<u64> {
    match failure {
        Failure::RateExceeded { wait, .. } => {
            let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Some(rounded_up.max(1))
        }
        Failure::NoInstance(_)
        | Failure::QueueFull(_)
        | Failure::Recalled
        | Failure::NoMemory(_) => Some(1),
        Failure::Shared(failure) => retry_after(failure),
        Failure::Trap(_)
        | Failure::TooManyHandles(..)
        | Failure::InvalidResponse(_)
        | Failure::NoResponse
        | Failure::ErrorCode(_)
        | Failure::Body(_)
        | Failure::Cpu(_)
        | Failure::Timeout(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use belljar_sandbox::{MemoryLimit, Rate, Whose};

    use super::*;

    fn rate_exceeded(wait: Duration) -> Failure {
        let rate = Rate {
            requests: 1,
            per: Duration::from_secs(1),
            burst: 1,
        };
        Failure::RateExceeded {
            whose: Whose::Client,
            rate,
            wait,
        }
    }

    #[test]
    fn maps_every_failure_to_status_and_retry_after() {
        let second = Duration::from_secs(1);
        let trap = || std::io::Error::other("unreachable").into();
        for (failure, expected) in [
            (Failure::Trap(trap()), (500, None)),
            (Failure::TooManyHandles(1, trap()), (500, None)),
            (Failure::InvalidResponse("x".into()), (500, None)),
            (Failure::NoResponse, (500, None)),
            (Failure::ErrorCode("x".into()), (500, None)),
            (Failure::Body("x".into()), (500, None)),
            (Failure::Cpu(second), (504, None)),
            (Failure::Timeout(second), (504, None)),
            (Failure::NoInstance(second), (503, Some(1))),
            (Failure::QueueFull(1), (503, Some(1))),
            (Failure::Recalled, (503, Some(1))),
            (Failure::NoMemory(MemoryLimit::Handler(1)), (503, Some(1))),
            (rate_exceeded(Duration::ZERO), (429, Some(1))),
            (rate_exceeded(second), (429, Some(1))),
            (rate_exceeded(Duration::from_millis(1001)), (429, Some(2))),
            (Failure::Shared(Arc::new(Failure::NoResponse)), (500, None)),
            (Failure::Shared(Arc::new(Failure::Cpu(second))), (504, None)),
            (
                Failure::Shared(Arc::new(Failure::NoMemory(MemoryLimit::Server(1)))),
                (503, Some(1)),
            ),
            (
                Failure::Shared(Arc::new(rate_exceeded(second * 3))),
                (429, Some(3)),
            ),
        ] {
            let outcome = (status(&failure), retry_after(&failure));
            assert_eq!(outcome, expected, "{failure:?}");
        }
    }
}
