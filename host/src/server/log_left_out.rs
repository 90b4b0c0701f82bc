//! The lines of the log that tell how many others were left out.

use super::log_rates::LeftOut;

/// Writes the number of lines that were left out.
pub(super) fn tell(left_out: &LeftOut) {
    let LeftOut {
        handler,
        lines,
        example,
    } = left_out;
    match handler {
        Some(handler) => tracing::warn!(
            target: TARGET,
            %handler,
            "{lines} lines left out (log-rate, log-output), such as: {example}"
        ),
        None => {
            tracing::warn!(target: TARGET, "{lines} lines left out (log-rate), such as: {example}");
        }
    }
}

/// The target of these lines, which have no rate themselves.
pub(super) const TARGET: &str = "belljar::log";
