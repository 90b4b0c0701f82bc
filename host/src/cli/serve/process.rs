//! The process of `serve`: its log and its limit of open files.

use std::io::Write;

use anyhow::Context;

/// How the files that the process may have open are divided, so that neither clients nor handlers can use those that the
/// server needs to go on.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// For connections and the files that are sent over them: one of each.
    connections: u64,
    /// For the files that handlers open, their sockets and their connections to other servers.
    pub handlers: u64,
}

impl OpenFiles {
    pub fn of(limit: u64) -> Self {
        let reserve = (limit / 8).max(LEAST_RESERVE).min(limit / 2);
        let divided = limit - reserve;
        Self {
            connections: divided / 8 * 3 + divided % 8 * 3 / 8,
            handlers: divided / 4,
        }
    }
}

/// The maximum number of connections, if the process may have this many open files.
pub fn max_connections(wanted: usize, open_files: Option<u64>) -> usize {
    let Some(open_files) = open_files else {
        return wanted;
    };
    let most = OpenFiles::of(open_files).connections;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most < wanted {
        tracing::warn!(
            "at most {most} connections at once, not {wanted}: this process may have only {open_files} open files; \
             raise the limit with `ulimit -n`"
        );
    }
    wanted.min(most)
}

/// Logs that fewer instances run at once than `max-instances` allows.
pub fn log_fewer_instances(wanted: u32, most: u32) {
    if most < wanted {
        tracing::warn!(
            "at most {most} instances at once, not {wanted}: the memory of the server has no room for more; give it more \
             memory, or set --max-instances {most}"
        );
    }
}

/// The URLs of a server.
pub fn urls(listeners: &[tokio::net::TcpListener]) -> anyhow::Result<Vec<String>> {
    let urls = listeners.iter().map(|listener| {
        let address = listener
            .local_addr()
            .context("the listening socket has no address")?;
        Ok(format!("http://{address}/"))
    });
    urls.collect()
}

/// Prints URLs to standard output, for people and scripts.
pub fn announce(urls: &[String]) {
    let mut out = std::io::stdout().lock();
    for url in urls {
        // The server runs on if standard output is closed.
        let _ = writeln!(out, "{url}");
    }
    let _ = out.flush();
}

/// Starts threads and ends them, to see that the system allows as many as the server needs. A runtime that cannot start
/// its threads panics, and then waits for the threads that did start.
///
/// # Errors
///
/// If the system does not allow them. The message says what to do.
pub fn check_threads(count: usize) -> anyhow::Result<()> {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = std::sync::Arc::new(std::sync::Mutex::new(ended));
    let started = (0..count).map(|_| {
        let ended = ended.clone();
        std::thread::Builder::new().spawn(move || {
            // Returns an error once `end` is dropped.
            let _ = ended.lock().map(|ended| ended.recv());
        })
    });
    let started: Vec<_> = started.collect();
    drop(end);
    let threads = started.into_iter().map(|thread| {
        let thread = thread?;
        // The thread cannot panic.
        let _ = thread.join();
        Ok(())
    });
    let outcomes: Vec<std::io::Result<()>> = threads.collect();
    let outcome: std::io::Result<()> = outcomes.into_iter().collect();
    outcome.map_err(|error| no_threads(&format!("{count} threads"), &error))
}

/// The error for threads that the system does not allow.
pub fn no_threads(threads: &str, error: &std::io::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "cannot start {threads} of the server: {error}; raise the limit of processes (`ulimit -u`, or pids.max of the \
         cgroup), or lower --threads"
    )
}

/// Raises the limit of open files, since every connection is an open file. The usual soft limit of 1,024 is for programs
/// that use select(2).
///
/// Returns the new limit. None: there is no limit.
#[cfg(unix)]
pub fn raise_open_files() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!("the limit of open files cannot be raised: {error}");
            limit.current
        }
    }
}

#[cfg(not(unix))]
pub fn raise_open_files() -> Option<u64> {
    None
}

/// The files that the server has open itself: those of its runtimes, stores and listeners, and those that it opens to
/// load handlers. A process with a low limit of open files keeps half of them.
const LEAST_RESERVE: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_the_open_files_and_keeps_a_reserve() {
        for (limit, reserve) in [
            (80, 40),
            (256, 64),
            (1024, 128),
            (4096, 512),
            (1 << 20, 1 << 17),
        ] {
            let OpenFiles {
                connections,
                handlers,
            } = OpenFiles::of(limit);
            let left = limit - 2 * connections - handlers;
            assert!((reserve..reserve + 4).contains(&left), "{limit}: {left}");
        }
        assert!(OpenFiles::of(u64::MAX).handlers > 0);
    }
}
