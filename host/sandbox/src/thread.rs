//! Threads: the CPU time that they used, and their priority.

use std::cell::Cell;
use std::time::Duration;

/// The CPU time of this thread.
#[cfg(unix)]
pub(crate) fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).ok()
}

#[cfg(not(unix))]
pub(crate) fn cpu_time() -> Option<Duration> {
    None
}

/// Lowers the priority of this thread. On Linux each thread has its own nice value. Elsewhere the process has one, so it
/// stays as it is.
pub(crate) fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(LOW_PRIORITY) {
        tracing::debug!("a thread keeps its ordinary priority: {error}");
    }
}

/// Adds CPU time that another thread used for the guest that this thread polls.
pub(crate) fn add_time_elsewhere(used: Duration) {
    ELSEWHERE.set(ELSEWHERE.get() + used);
}

/// The CPU time that other threads used for the guest that this thread polls, since it was last taken.
pub(crate) fn time_elsewhere() -> Duration {
    ELSEWHERE.get()
}

/// As [`time_elsewhere`], and begins anew.
pub(crate) fn take_time_elsewhere() -> Duration {
    ELSEWHERE.take()
}

thread_local! {
    static ELSEWHERE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Low enough to give way to the threads that serve requests at once, high enough to finish on a busy machine.
#[cfg(target_os = "linux")]
const LOW_PRIORITY: i32 = 15;
