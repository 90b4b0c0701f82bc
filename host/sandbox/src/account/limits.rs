//! The limits of a handler.

use std::time::Duration;

use belljar_http::settings;
use belljar_http::settings::Kind;

pub use belljar_http::Rate;

settings! {
    /// What a handler and each of its requests may use of the machine.
    pub struct Limits: "Limits of a handler", prefix "" {
        /// Wall-clock time of a request in the handler.
        pub timeout: Duration = Duration::from_secs(30), Kind::TIME, beyond "504";
        /// Processor time of a request in the handler.
        pub cpu: Duration = Duration::from_secs(10), Kind::TIME, beyond "504";
        /// Maximum size of all memories and tables of an instance together.
        pub memory: usize = 64 << 20, MEMORY, beyond "`memory.grow` fails";
        // Handlers also share what the engine may use. Half of it is guaranteed to them in equal parts; any handler may use
        // the rest.
        /// Maximum memory of a handler: all memories and tables of its instances, and responses that wait for their clients.
        pub total_memory: usize = usize::MAX, MEMORY,
            beyond "`memory.grow` fails; 503 if an instance cannot start or its response cannot be held",
            default "as much as all handlers may have";
        /// Maximum number of files, streams, tasks and other handles of an instance.
        pub max_handles: usize = 256, Kind::Count { least: 1, most: 1_000_000 }, beyond "500";
        /// Maximum number of open files, sockets and connections to other servers of all instances of a handler together.
        pub max_open_files: Option<usize> = None, Kind::Count { least: 1, most: 1_000_000 },
            beyond "the handler gets an error", default "half of what all handlers may have open";
        // Requests also wait if all handlers together have as many instances as the engine allows. Half of the engine's
        // instances are guaranteed to its handlers in equal parts; any handler may use the others.
        /// Maximum number of instances of a handler at once.
        pub max_instances: u32 = 1000, Kind::Count { least: 1, most: Limits::MOST_INSTANCES },
            beyond "requests wait", default "as many as all handlers may have";
        /// Maximum number of requests that wait for an instance.
        pub max_queue: u32 = 10_000, Kind::Count { least: 0, most: 1_000_000 }, beyond "503 with Retry-After, at once";
        /// Time that a request waits for an instance.
        pub queue_timeout: Duration = Duration::from_secs(5), Kind::TIME_OR_ZERO, beyond "503 with Retry-After";
        /// Maximum rate of requests of all clients together.
        pub rate: Option<Rate> = None, Kind::Rate, beyond "429 with Retry-After", default "no limit";
        /// Maximum rate of requests of each client, by its IPv4 address or its /64 network of IPv6.
        pub client_rate: Option<Rate> = None, Kind::Rate, beyond "429 with Retry-After", default "no limit";
    }
}

impl Limits {
    /// The most instances that all handlers of an engine may have: the pool reserves address space for each, which
    /// comes to 8 GiB and more of 128 TiB.
    pub const MOST_INSTANCES: u64 = 10_000;
}

/// No handler runs in less than a page of WebAssembly.
const MEMORY: Kind = Kind::Size {
    least: 64 << 10,
    most: u64::MAX,
};
