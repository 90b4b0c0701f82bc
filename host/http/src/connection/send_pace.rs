//! Whether the client takes its responses fast enough.

use tokio::time::Instant;

use crate::limits::Limits;
use crate::pace::Pace;
use crate::transport::Transport;

/// Counts the bytes that were sent to a client, and the time that they waited for it, over all responses of a connection.
#[derive(Debug, Default)]
pub(super) struct SendPace {
    pace: Pace,
    /// Bytes that the transport accepted.
    sent: u64,
}

impl SendPace {
    /// The transport accepted bytes.
    pub(super) fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
        self.pace.stop();
    }

    /// The transport accepts no bytes for now. Returns when to ask [`is_too_slow`](Self::is_too_slow).
    pub(super) fn deadline(&mut self, limits: &Limits) -> Instant {
        self.pace.deadline(limits.send_timeout)
    }

    /// Whether the client takes less than it must.
    ///
    /// A transport accepts bytes in large steps, which can be minutes apart for a client at the minimum rate. So the bytes
    /// that the client has taken count, and not those that the transport accepted.
    pub(super) fn is_too_slow(&mut self, stream: &impl Transport, limits: &Limits) -> bool {
        let taken = self.sent.saturating_sub(stream.unacknowledged());
        self.pace
            .is_too_slow(taken, limits.min_data_rate, limits.send_timeout)
    }
}
