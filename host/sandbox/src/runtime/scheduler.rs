//! Two lanes for guests, and the meter of their processor time.
//!
//! A guest starts in the fast lane: on the thread that read its request, where nothing but the guest itself stands
//! between the request and the answer. One that keeps that thread busy past two ticks of the epoch, or past ten in many
//! small pieces, goes on in the slow lane, on threads of its own and of low priority, so that strangers' latency
//! does not depend on it.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use wasmtime::UpdateDeadline;

use crate::failure::CpuExceeded;
use crate::runtime::epoch::TICK;

/// The threads of the slow lane, started when the first guest needs them.
pub(crate) struct SlowLane {
    threads: usize,
    runtime: OnceLock<std::io::Result<Runtime>>,
}

impl SlowLane {
    pub fn new(threads: usize) -> Self {
        Self {
            threads,
            runtime: OnceLock::new(),
        }
    }

    /// None where the system gives no threads; the guest then goes on where it is.
    pub fn runtime(&self) -> Option<&Runtime> {
        let runtime = self.runtime.get_or_init(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(self.threads)
                .thread_name("slow-lane")
                .on_thread_start(lower_priority)
                .enable_all()
                .build()
        });
        match runtime {
            Ok(runtime) => Some(runtime),
            Err(error) => {
                tracing::error!(
                    "no threads for the slow lane, long guests share the fast one: {error}"
                );
                None
            }
        }
    }
}

impl Drop for SlowLane {
    fn drop(&mut self) {
        if let Some(Ok(runtime)) = self.runtime.take() {
            // An ordinary drop waits for the workers, which is not allowed within another runtime.
            runtime.shutdown_background();
        }
    }
}

/// On Linux a nice value belongs to a thread. Elsewhere it is the process's, so it is left alone.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(SLOW_LANE_NICE) {
        tracing::debug!("the slow lane keeps its ordinary priority: {error}");
    }
}

/// A guest's run, able to change threads between its polls.
pub(crate) type Guest<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A guest's run, its polls metered.
pub(crate) struct Metered<T> {
    guest: Guest<T>,
    budget: Duration,
    used: Duration,
    slow: bool,
    share: Option<Arc<Share>>,
}

/// What the requests of one instance may use of the processor together: as much as they may one by one.
pub(crate) struct Share {
    requests: AtomicU32,
    slow: AtomicBool,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            requests: AtomicU32::new(1),
            slow: AtomicBool::new(false),
        }
    }
}

impl Share {
    /// Another request.
    pub fn add(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the instance has moved to the slow lane.
    pub fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }
}

/// How a poll of a guest ended.
pub(crate) enum Polled<T> {
    Ready(T),
    /// It waits for something.
    Waiting,
    /// It kept the thread busy past a tick, or for too long in all.
    Busy,
}

impl<T> Metered<T> {
    pub fn new(guest: Guest<T>, budget: Duration) -> Self {
        Self {
            guest,
            budget,
            used: Duration::ZERO,
            slow: false,
            share: None,
        }
    }

    /// For the requests of a share, of which there may come to be more.
    pub fn shared(mut self, share: Arc<Share>) -> Self {
        self.share = Some(share);
        self
    }

    /// Takes the guest out, to go on elsewhere: what is left here is not to be polled again.
    pub fn leave(&mut self) -> Self
    where
        T: 'static,
    {
        Self {
            guest: std::mem::replace(&mut self.guest, Box::pin(std::future::pending())),
            share: self.share.take(),
            ..*self
        }
    }

    /// For the slow lane, where threads wait for processors and only their own clocks are fair.
    pub fn slow(mut self) -> Self {
        self.slow = true;
        if let Some(share) = &self.share {
            share.slow.store(true, Ordering::Relaxed);
        }
        self
    }

    pub fn poll(&mut self, context: &mut Context<'_>) -> Polled<T> {
        let clock = Clock::start(self.slow);
        let share = self.share.as_ref();
        let requests = share.map_or(1, |share| share.requests.load(Ordering::Relaxed));
        let budget = self.budget.saturating_mul(requests);
        POLL.set(Some(MeteredPoll {
            clock,
            before: Duration::ZERO,
            left: budget.saturating_sub(self.used),
            busy: false,
        }));
        let polled = self.guest.as_mut().poll(context);
        let poll = POLL.take();
        let busy = poll.is_some_and(|poll| poll.busy);
        self.used += poll.map_or_else(|| clock.elapsed(), MeteredPoll::used);
        match polled {
            Poll::Ready(output) => Polled::Ready(output),
            // Work in many small pieces is work all the same.
            Poll::Pending if busy || !self.slow && self.used > FAST_LANE * requests => Polled::Busy,
            Poll::Pending => Polled::Waiting,
        }
    }
}

impl<T> Future for Metered<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match Metered::poll(self.get_mut(), context) {
            Polled::Ready(output) => Poll::Ready(output),
            Polled::Waiting | Polled::Busy => Poll::Pending,
        }
    }
}

/// What to do with a guest at a tick of the epoch, asked on the thread that runs it.
pub(crate) fn on_tick() -> wasmtime::Result<UpdateDeadline> {
    let Some(mut poll) = POLL.get() else {
        return Ok(UpdateDeadline::Continue(1));
    };
    let wall = poll.clock.wall.elapsed();
    if wall >= TICK
        && poll.clock.processor.is_none()
        && let Some(processor) = processor_time()
    {
        // Perhaps it was others who had the processor. The guest has used no more of it than the thread has since it
        // was last asked, and from here on what the thread uses.
        poll.before = wall.min(processor.saturating_sub(ASKED.replace(processor)));
        poll.clock.processor = Some(processor);
        POLL.set(Some(poll));
    }
    // First, since a guest that gives way again and again may never be let run for a whole tick.
    let used = poll.used();
    if used >= poll.left {
        return Err(wasmtime::Error::new(CpuExceeded));
    }
    // The deadline also passes while a guest waits; what counts is the time since it was last let run.
    if wall < TICK || poll.clock.elapsed() < TICK / 2 {
        return Ok(UpdateDeadline::Continue(1));
    }
    poll.busy = true;
    POLL.set(Some(poll));
    // The executor's own yield: the waker alone would put the task into the slot that is polled next.
    Ok(UpdateDeadline::YieldCustom(
        1,
        Box::pin(tokio::task::yield_now()),
    ))
}

thread_local! {
    /// The poll under way on this thread. `poll` and `on_tick` run on one thread, one within the other.
    static POLL: Cell<Option<MeteredPoll>> = const { Cell::new(None) };

    /// The thread's processor time when a guest was last found to take long.
    static ASKED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

#[derive(Clone, Copy)]
struct MeteredPoll {
    clock: Clock,
    /// What counts in addition to the clock: the most that was used before it was changed for another.
    before: Duration,
    /// Processor time that the guest may still use.
    left: Duration,
    busy: bool,
}

impl MeteredPoll {
    fn used(self) -> Duration {
        self.before + self.clock.elapsed()
    }
}

/// How long a poll has taken: by the thread's processor clock where it was read, else by the wall clock.
///
/// The processor clock is a system call. The fast lane does without for the first tick, before which most polls end.
#[derive(Clone, Copy)]
struct Clock {
    wall: Instant,
    processor: Option<Duration>,
}

impl Clock {
    fn start(processor: bool) -> Self {
        Self {
            wall: Instant::now(),
            processor: if processor { processor_time() } else { None },
        }
    }

    fn elapsed(self) -> Duration {
        match (
            self.processor,
            self.processor.and_then(|_| processor_time()),
        ) {
            (Some(start), Some(now)) => now.saturating_sub(start),
            _ => self.wall.elapsed(),
        }
    }
}

/// The processor time of this thread.
#[cfg(unix)]
fn processor_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).ok()
}

#[cfg(not(unix))]
fn processor_time() -> Option<Duration> {
    None
}

/// Time that a guest may keep the threads of the fast lane busy in all, however often it gives way meanwhile.
const FAST_LANE: Duration = TICK.saturating_mul(10);

/// Weak enough to give way to the fast lane at once, strong enough to finish beside a busy machine.
#[cfg(target_os = "linux")]
const SLOW_LANE_NICE: i32 = 15;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    /// A poll that began so long ago by the wall clock.
    fn begin(ago: Duration, left: Duration) {
        let wall = Instant::now() - ago;
        POLL.set(Some(MeteredPoll {
            clock: Clock {
                wall,
                processor: None,
            },
            before: Duration::ZERO,
            left,
            busy: false,
        }));
    }

    fn work(time: Duration) {
        let start = processor_time().unwrap();
        while processor_time().unwrap() - start < time {}
    }

    #[test]
    fn time_that_others_had_the_processor_does_not_count() {
        begin(Duration::from_secs(60), Duration::from_secs(30));
        assert!(matches!(on_tick(), Ok(UpdateDeadline::Continue(1))));
        assert!(POLL.get().is_some_and(|poll| !poll.busy));
    }

    #[test]
    fn its_own_time_does() {
        begin(Duration::from_secs(60), LONG);
        assert!(matches!(on_tick(), Ok(UpdateDeadline::Continue(1))));
        work(TICK);
        assert!(matches!(on_tick(), Ok(UpdateDeadline::YieldCustom(1, _))));
        assert!(POLL.get().is_some_and(|poll| poll.busy));

        // Also what it used before the clock was changed.
        let spent = Duration::from_millis(20);
        begin(Duration::from_secs(60), spent);
        work(spent);
        assert!(on_tick().is_err_and(|error| error.is::<CpuExceeded>()));
    }
}
