//! The log lines of requests that a handler failed to answer.

use belljar_http::SendError;
use belljar_sandbox::Failure;

use super::exchange::Exchange;
use super::log_text::sanitized;
use super::route_target::{ActiveHandler, MissingHandler};

impl Exchange<'_> {
    /// The handler trapped, exceeded a limit, or could not be called.
    pub fn log_failure(&self, failure: &Failure, active: &ActiveHandler) {
        let reason = sanitized(&failure.to_string());
        let (client, request, handler) = (self.client(), self.line(), &*active.name);
        match failure {
            // A rate limit does its job here: clients that exceed it must not fill the log with errors.
            Failure::RateExceeded { .. } => tracing::info!(client, request, handler, "{reason}"),
            _ => tracing::error!(client, request, handler, "{reason}"),
        }
    }

    /// No component of the route's handler was ever accepted, so there is no handler to call.
    pub fn log_missing_handler(&self, missing: &MissingHandler) {
        let (client, request, handler) = (self.client(), self.line(), &*missing.name);
        tracing::error!(
            client,
            request,
            handler,
            "the handler is not live: its component was refused; the log line of the refusal gives the reason"
        );
    }

    /// The handler's response does not fit the request, or its body failed before any of it was sent.
    pub fn log_unsendable(&self, error: &SendError) {
        let error = sanitized(&error.to_string());
        tracing::error!(
            client = self.client(),
            request = self.line(),
            "the handler's response cannot be sent: {error}"
        );
    }
}
