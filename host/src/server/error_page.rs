//! What the client of a handler that failed is answered.
//!
//! In production such a page tells nothing but the status.

use super::target::{Missing, Run};
use crate::http::Response;
use crate::sandbox::Failed;

pub(super) fn failed(failed: &Failed, _run: &Run) -> Response {
    let failure = &failed.failure;
    let response = Response::error(failure.status());
    match failure.retry_after() {
        Some(seconds) => response.with_field("Retry-After", &seconds.to_string()),
        None => response,
    }
}

/// 503: the route is there, and what answers it may be mended at any time.
pub(super) fn missing(_missing: &Missing) -> Response {
    Response::error(503)
}
