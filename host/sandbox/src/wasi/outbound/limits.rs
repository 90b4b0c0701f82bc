//! The limits of requests to other servers.

use std::time::Duration;

use belljar_http::settings;
use belljar_http::settings::Kind;

settings! {
    /// How large the responses of other servers may be, and how long they may take. A handler can ask for shorter times.
    #[derive(Copy)]
    pub struct OutboundLimits: "Grants: requests to other servers", prefix "outbound-" {
        /// Time to connect to another server, including the wait for a free connection, name lookup, TCP and TLS.
        pub connect_timeout: Duration = Duration::from_secs(5), Kind::TIME, beyond "the handler gets an error";
        /// Time from the end of an outbound request to the start of its response.
        pub first_byte_timeout: Duration = Duration::from_secs(20), Kind::TIME, beyond "the handler gets an error";
        /// Time between two parts of a response, while the handler waits for them.
        pub between_bytes_timeout: Duration = Duration::from_secs(20), Kind::TIME, beyond "the handler gets an error";
        /// Maximum size of the head of a response from another server.
        pub max_head: usize = 32 << 10, Kind::Size { least: 256, most: 1 << 20 }, beyond "the handler gets an error";
        /// Maximum size of the body of a response from another server.
        pub max_body: u64 = 1 << 30, Kind::SIZE, beyond "the handler gets an error";
        /// Maximum number of outbound connections of an instance at once.
        pub connections: usize = 8, Kind::Count { least: 1, most: 1000 }, beyond "further requests wait";
    }
}
