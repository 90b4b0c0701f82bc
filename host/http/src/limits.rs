//! The limits of a connection.

use std::time::Duration;

use crate::settings;
use crate::settings::Kind;

settings! {
    /// How much a client may send, and how long it may take.
    pub struct Limits: "HTTP limits", prefix "" {
        /// Maximum size of a request head, and of a response head.
        pub max_head: usize = 32 << 10, Kind::Size { least: 256, most: 1 << 20 },
            beyond "431; 414 if the target alone is too long; 500 for a response";
        /// Maximum size of a request body, without its chunked coding.
        pub max_body: u64 = 64 << 20, Kind::SIZE, beyond "413";
        /// Time to receive a request head, from its first byte.
        pub header_timeout: Duration = Duration::from_secs(10), Kind::TIME, beyond "408";
        /// Minimum number of bytes per second that a client must send of a request body, or take of a response, while
        /// the server waits for it. `body-timeout` and `send-timeout` say for how long it may be slower.
        pub min_data_rate: u64 = 1 << 10, Kind::Size { least: 1, most: u64::MAX }, beyond "408, or the connection is cut";
        /// Time to wait for a request body. Each `min-data-rate` bytes received give back a second.
        pub body_timeout: Duration = Duration::from_secs(30), Kind::TIME, beyond "408";
        /// Time to wait for the next request on a connection.
        pub idle_timeout: Duration = Duration::from_secs(60), Kind::TIME, beyond "the connection is closed";
        /// Time to wait for a client to take bytes of a response. Each `min-data-rate` bytes taken give back a second.
        pub send_timeout: Duration = Duration::from_secs(10), Kind::TIME, beyond "the connection is cut";
        /// Time to receive and discard the rest of a refused request, so that its client can read the response.
        pub linger_timeout: Duration = Duration::from_secs(30), Kind::TIME, beyond "the connection is closed";
        /// Time to wait for a handler that sends nothing more of a started response.
        pub stream_timeout: Duration = Duration::from_secs(60), Kind::TIME, beyond "the connection is cut";
    }
}

/// Maximum number of field lines in the head of a request or a response.
pub(crate) const MAX_FIELDS: usize = 128;
