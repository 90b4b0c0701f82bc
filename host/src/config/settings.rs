//! The settings of the server and of instances, and the rules between settings.
//!
//! The other tables are where their limits are enforced: [`belljar_http::Limits`], [`belljar_sandbox::Limits`],
//! [`OutboundLimits`](belljar_sandbox::OutboundLimits), [`StoreLimits`](belljar_sandbox::StoreLimits) and
//! [`CompileLimits`](crate::compile::CompileLimits).

use std::time::Duration;

use belljar_http::settings;
use belljar_http::settings::{Kind, Setting, Settings};
use belljar_sandbox::{Limits, Rate};

use super::units;

settings! {
    /// What the server may use, for all sites and handlers together.
    pub struct ServerLimits: "Limits of the server", prefix "" {
        /// Number of threads that serve requests.
        pub threads: Option<usize> = None, Kind::Count { least: 1, most: 1024 }, default "one for each processor";
        /// Time for requests in flight to finish after the server is told to stop.
        pub grace: Duration = Duration::from_secs(10), Kind::TIME_OR_ZERO, beyond "they are cut";
        /// Maximum number of connections at once.
        pub max_connections: usize = 10_000, Kind::Count { least: 1, most: 1_000_000 },
            beyond "the connection that has been idle longest is closed";
        // A proxy that forwards all requests is one client.
        /// Maximum number of connections at once of each client, by its IPv4 address or its /64 network of IPv6.
        pub max_connections_per_client: Option<usize> = None, Kind::Count { least: 1, most: 1_000_000 },
            beyond "the client's connection that has been idle longest is closed; 429 if none is idle",
            default "half of max-connections, and at least 8";
        /// Maximum rate of log lines of one kind about one handler, or about clients.
        pub log_rate: Rate = Rate { requests: 10, per: Duration::from_secs(1), burst: 100 }, Kind::Rate,
            beyond "lines are left out, and the log says how many";
        /// Number of bytes per second that a handler's standard output and error may take of the log. A burst may have
        /// 16 times as many.
        pub log_output: u32 = 64 << 10, Kind::Size { least: 1, most: 1 << 28 },
            beyond "lines are left out, and the log says how many";
        /// Maximum number of instances of all handlers at once.
        pub max_instances: u32 = 1000, Kind::Count { least: 1, most: Limits::MOST_INSTANCES },
            beyond "requests wait";
        /// Maximum number of handlers in folders of handlers.
        pub max_handlers: usize = 10_000, Kind::Count { least: 1, most: 1_000_000 },
            beyond "further files are not loaded";
        /// Maximum memory of all handlers together: memories and tables of instances, and responses that wait for their
        /// clients.
        pub total_memory: Option<u64> = None, Kind::Size { least: 64 << 10, most: u64::MAX },
            beyond "`memory.grow` fails; 503 if an instance cannot start or its response cannot be held",
            default "three eighths of the memory of the machine, or of its cgroup";
    }
}

settings! {
    /// How many requests an instance answers.
    pub struct InstanceLimits: "Requests of an instance", prefix "" {
        /// Number of requests that an instance answers, one after the other. With 1 each request has a fresh instance.
        pub reuse: u32 = 1, Kind::Count { least: 1, most: u32::MAX as u64 };
        /// Number of requests that an instance of wasi:http 0.3 answers at once, out of those that `reuse` allows.
        pub concurrency: u32 = 1, Kind::Count { least: 1, most: u32::MAX as u64 };
    }
}

impl ServerLimits {
    /// The maximum number of connections of one client, if the server may have `max_connections`. None if a client may
    /// have all of them.
    pub fn connections_per_client(&self, max_connections: usize) -> Option<usize> {
        let by_default = (max_connections / 2).max(LEAST_OF_A_CLIENT);
        let most = self.max_connections_per_client.unwrap_or(by_default);
        (most < max_connections).then_some(most)
    }

    /// # Errors
    ///
    /// The settings contradict the limits of every handler.
    pub fn check(&self, limits: &Limits) -> Result<(), String> {
        let (total, memory) = (self.total_memory.unwrap_or(u64::MAX), limits.memory as u64);
        if total >= memory {
            return Ok(());
        }
        let [total, memory] = [total, memory].map(units::show_size);
        Err(format!(
            "total-memory of the server ({total}) is less than memory ({memory}): no instance could use all of its \
             memory; raise total-memory or lower memory"
        ))
    }
}

impl InstanceLimits {
    /// # Errors
    ///
    /// The settings contradict each other.
    pub fn check(&self) -> Result<(), String> {
        if self.concurrency <= self.reuse {
            return Ok(());
        }
        Err(format!(
            "concurrency ({}) is greater than reuse ({}): an instance cannot answer more requests at once than in \
             total; raise reuse or lower concurrency",
            self.concurrency, self.reuse
        ))
    }
}

/// # Errors
///
/// The limits of a handler contradict each other.
pub fn check_limits(limits: &Limits) -> Result<(), String> {
    if limits.total_memory >= limits.memory {
        return Ok(());
    }
    let [total, one] =
        [limits.total_memory, limits.memory].map(|size| units::show_size(size as u64));
    Err(format!(
        "total-memory ({total}) is less than memory ({one}): no instance could use all of its memory; raise \
         total-memory or lower memory"
    ))
}

/// The error for a limit of the store in a configuration without a store.
pub fn without_store(setting: &Setting) -> String {
    format!(
        "{} has no effect without a store; set `store` to the file of the store",
        setting.name
    )
}

/// The settings of a table, each with its default as a text. None: the default is no value, and the setting's
/// [`default`](Setting::default) describes it.
pub fn defaults<S: Settings>() -> impl Iterator<Item = (&'static Setting, Option<String>)> {
    let values = S::default().values();
    S::TABLE.iter().zip(values).map(|(setting, value)| {
        let text = match setting.default {
            Some(_) => None,
            None => Some(units::show(setting.kind, value)),
        };
        (setting, text)
    })
}

/// A browser opens six connections to a server.
const LEAST_OF_A_CLIENT: usize = 8;

#[cfg(test)]
mod tests {
    use belljar_http as http;
    use belljar_http::settings::Value;
    use belljar_sandbox::{OutboundLimits, StoreLimits};

    use super::*;
    use crate::compile::CompileLimits;

    /// Every default is in its range, and every field can hold the bounds of its range.
    fn check_table<S: Settings>() {
        for (setting, default) in defaults::<S>() {
            let name = setting.name;
            let numbers = match setting.kind {
                Kind::Size { least, most } | Kind::Count { least, most } => vec![least, most],
                Kind::Time { .. } | Kind::Rate => Vec::new(),
            };
            for number in numbers {
                assert!(S::default().set(name, Value::Number(number)), "{name}");
            }
            let Some(text) = default else {
                continue;
            };
            let value = units::parse(setting.kind, &text);
            let value = value.unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut settings = S::default();
            assert!(settings.set(name, value), "{name}");
            assert_eq!(settings.values(), S::default().values(), "{name} = {text}");
            assert!(setting.help.ends_with('.'), "{name}: {}", setting.help);
        }
    }

    #[test]
    fn tables_are_sound() {
        check_table::<ServerLimits>();
        check_table::<InstanceLimits>();
        check_table::<http::Limits>();
        check_table::<Limits>();
        check_table::<OutboundLimits>();
        check_table::<StoreLimits>();
        check_table::<CompileLimits>();
    }

    #[test]
    fn a_client_gets_half_of_the_connections() {
        for (given, max_connections, expected) in [
            (None, 10_000, Some(5000)),
            (None, 60, Some(30)),
            (None, 10, Some(8)),
            (None, 2, None),
            (Some(100), 10_000, Some(100)),
            (Some(100), 60, None),
        ] {
            let limits = ServerLimits {
                max_connections_per_client: given,
                ..ServerLimits::default()
            };
            assert_eq!(limits.connections_per_client(max_connections), expected);
        }
    }

    #[test]
    fn rejects_settings_that_contradict_each_other() {
        let limits = |memory, total_memory| Limits {
            memory,
            total_memory,
            ..Limits::default()
        };
        assert_eq!(check_limits(&Limits::default()), Ok(()));
        assert_eq!(check_limits(&limits(1 << 20, 1 << 20)), Ok(()));
        assert!(check_limits(&limits(2 << 20, 1 << 20)).is_err());
        for (total_memory, sound) in [(None, true), (Some(1 << 20), true), (Some(1 << 10), false)] {
            let server = ServerLimits {
                total_memory,
                ..ServerLimits::default()
            };
            let checked = server.check(&limits(1 << 20, 1 << 20));
            assert_eq!(checked.is_ok(), sound, "{total_memory:?}");
        }
        for (reuse, concurrency, sound) in [(1, 1, true), (4, 4, true), (3, 4, false)] {
            let limits = InstanceLimits { reuse, concurrency };
            assert_eq!(limits.check().is_ok(), sound, "{limits:?}");
        }
    }
}
