//! The meter: how much CPU time a guest uses, and when it has kept its thread busy for too long.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use wasmtime::UpdateDeadline;

use super::clock::Clock;
use crate::account::ledger::Account;
use crate::account::resource::Resource;
use crate::failure::CpuExceeded;
use crate::runtime::epoch::TICK;
use crate::thread::{cpu_time, take_time_elsewhere, time_elsewhere};

/// The run of a guest, which may move to another thread between its polls.
pub(crate) type Guest<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A guest whose polls are metered and charged to the account of its request.
pub(super) struct Metered<T> {
    guest: Guest<T>,
    /// The account of the request, for which the CPU time is recorded.
    account: Account,
    /// CPU time that each request may use.
    budget: Duration,
    used: Duration,
    slow: bool,
    shared: Option<Arc<SharedCpu>>,
}

/// The CPU time that the requests of a shared instance may use together: the sum of what each may use.
pub(crate) struct SharedCpu {
    requests: AtomicU32,
    slow: AtomicBool,
}

impl Default for SharedCpu {
    fn default() -> Self {
        Self {
            requests: AtomicU32::new(1),
            slow: AtomicBool::new(false),
        }
    }
}

impl SharedCpu {
    /// Counts another request.
    pub fn add_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the instance has moved to the slow lane.
    pub fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }
}

/// How a poll of a guest ended.
pub(super) enum Metering<T> {
    Ready(T),
    /// The guest waits for something.
    Waiting,
    /// The guest kept its thread busy beyond a tick, or for too long in all.
    Busy,
}

impl<T> Metered<T> {
    /// `account` is that of the request, `budget` the CPU time that it may use.
    pub fn new(guest: Guest<T>, account: Account, budget: Duration) -> Self {
        Self {
            guest,
            account,
            budget,
            used: Duration::ZERO,
            slow: false,
            shared: None,
        }
    }

    /// Meters a shared instance, whose requests add up to one budget.
    pub fn shared(mut self, shared: Arc<SharedCpu>) -> Self {
        self.shared = Some(shared);
        self
    }

    /// Prepares the guest for the slow lane. Threads wait for processors there, so only the CPU clock is fair.
    pub fn slow(mut self) -> Self {
        self.slow = true;
        if let Some(shared) = &self.shared {
            shared.slow.store(true, Ordering::Relaxed);
        }
        self
    }

    /// The CPU time used so far, in nanoseconds.
    pub fn used(&self) -> u64 {
        nanoseconds(self.used)
    }

    pub fn poll(&mut self, context: &mut Context<'_>) -> Metering<T> {
        let clock = Clock::start(self.slow);
        let shared = self.shared.as_ref();
        let requests = shared.map_or(1, |shared| shared.requests.load(Ordering::Relaxed));
        let budget = self.budget.saturating_mul(requests);
        POLL.set(Some(MeteredPoll {
            clock,
            before: Duration::ZERO,
            left: budget.saturating_sub(self.used),
            busy: false,
        }));
        take_time_elsewhere();
        let polled = self.guest.as_mut().poll(context);
        // Whoever worked elsewhere for the guest has recorded this time.
        self.used += take_time_elsewhere();
        let poll = POLL.take();
        let busy = poll.is_some_and(|poll| poll.busy);
        let used = poll.map_or_else(|| clock.elapsed(), MeteredPoll::used);
        self.used += used;
        self.account.record(Resource::Cpu, nanoseconds(used));
        match polled {
            Poll::Ready(output) => Metering::Ready(output),
            // Work in many small pieces counts like work in one piece.
            Poll::Pending if busy || !self.slow && self.used > FAST_LANE * requests => {
                Metering::Busy
            }
            Poll::Pending => Metering::Waiting,
        }
    }
}

impl<T> From<Metering<T>> for Poll<T> {
    fn from(metering: Metering<T>) -> Self {
        match metering {
            Metering::Ready(output) => Self::Ready(output),
            Metering::Waiting | Metering::Busy => Self::Pending,
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Decides at a tick of the epoch what happens to the guest that runs on this thread.
pub(crate) fn on_tick() -> wasmtime::Result<UpdateDeadline> {
    let Some(mut poll) = POLL.get() else {
        return Ok(UpdateDeadline::Continue(1));
    };
    let wall = poll.clock.wall.elapsed();
    if wall >= TICK
        && poll.clock.cpu.is_none()
        && let Some(now) = cpu_time()
    {
        // Other threads may have had the processor meanwhile. The guest has used at most the CPU time that its thread used
        // since it was last read. From here on the thread's CPU time counts.
        poll.before = wall.min(now.saturating_sub(LAST_READ.replace(now)));
        poll.clock.cpu = Some(now);
        POLL.set(Some(poll));
    }
    // The budget is checked first, because a guest that yields again and again may never run for a whole tick.
    let used = poll.used() + time_elsewhere();
    if used >= poll.left {
        return Err(wasmtime::Error::new(CpuExceeded));
    }
    // The deadline also passes while a guest waits. What counts is the time since its poll began.
    if wall < TICK || poll.clock.elapsed() < TICK / 2 {
        return Ok(UpdateDeadline::Continue(1));
    }
    poll.busy = true;
    POLL.set(Some(poll));
    // tokio's own yield defers the task: its waker alone would put it into the slot that is polled next.
    Ok(UpdateDeadline::YieldCustom(
        1,
        Box::pin(tokio::task::yield_now()),
    ))
}

thread_local! {
    /// The poll under way on this thread. `poll` and `on_tick` run on one thread, one within the other.
    static POLL: Cell<Option<MeteredPoll>> = const { Cell::new(None) };

    /// The CPU time of this thread when a guest last ran for a whole tick.
    static LAST_READ: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

#[derive(Clone, Copy)]
struct MeteredPoll {
    clock: Clock,
    /// The upper bound of the CPU time used before the clock was switched to CPU time.
    before: Duration,
    /// CPU time that the guest may still use.
    left: Duration,
    busy: bool,
}

impl MeteredPoll {
    fn used(self) -> Duration {
        self.before + self.clock.elapsed()
    }
}

/// Time that a guest may keep the threads of the fast lane busy in all, however often it yields.
const FAST_LANE: Duration = TICK.saturating_mul(10);

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(3600);

    /// Sets a poll that began `ago` by the wall clock.
    fn begin(ago: Duration, left: Duration) {
        let wall = Instant::now() - ago;
        POLL.set(Some(MeteredPoll {
            clock: Clock { wall, cpu: None },
            before: Duration::ZERO,
            left,
            busy: false,
        }));
    }

    fn work(time: Duration) {
        let start = cpu_time().unwrap();
        while cpu_time().unwrap() - start < time {}
    }

    #[test]
    fn wall_clock_time_without_cpu_time_does_not_count() {
        begin(Duration::from_secs(60), Duration::from_secs(30));
        assert!(matches!(on_tick(), Ok(UpdateDeadline::Continue(1))));
        assert!(POLL.get().is_some_and(|poll| !poll.busy));
    }

    #[test]
    fn cpu_time_of_the_thread_counts() {
        begin(Duration::from_secs(60), LONG);
        assert!(matches!(on_tick(), Ok(UpdateDeadline::Continue(1))));
        work(TICK);
        assert!(matches!(on_tick(), Ok(UpdateDeadline::YieldCustom(1, _))));
        assert!(POLL.get().is_some_and(|poll| poll.busy));

        // The time before the clock was switched counts too.
        let spent = Duration::from_millis(20);
        begin(Duration::from_secs(60), spent);
        work(spent);
        assert!(on_tick().is_err_and(|error| error.is::<CpuExceeded>()));
    }
}
