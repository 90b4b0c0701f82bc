//! Virtual time: the CPU time that each handler used, in nanoseconds from a common beginning.
//!
//! The handler with the least virtual time is served next. A handler that used nothing for a while does not save that time
//! up: when its requests queue again, its virtual time is at least that of the handler that was served last. What it used
//! long ago is forgotten as well: it is ahead of that handler by [`MAX_LEAD`] at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::run_queue::{HandlerId, MAX_LEAD};
use crate::account::ledger::Account;
use crate::account::resource::Resource;

/// What a handler has used, as a lane of the scheduler sees it.
pub(super) struct Progress {
    /// The account of the handler, which records its CPU time.
    account: Arc<Account>,
    /// What is to be added to the CPU time in the account.
    offset: AtomicU64,
    /// The number of its queued requests.
    pub queued: AtomicUsize,
}

impl Progress {
    pub fn new(account: Arc<Account>) -> Arc<Self> {
        Arc::new(Self {
            account,
            offset: AtomicU64::new(0),
            queued: AtomicUsize::new(0),
        })
    }

    /// Identifies the handler.
    pub fn handler(self: &Arc<Self>) -> HandlerId {
        Arc::as_ptr(self).addr()
    }

    /// Whether none of its requests is queued.
    pub fn is_unqueued(&self) -> bool {
        self.queued.load(Ordering::Relaxed) == 0
    }

    /// The virtual time of the handler. `now` is that of the handler that was served last.
    pub fn time(&self, now: u64) -> u64 {
        let used = self.account.used(Resource::Cpu);
        let time = used.wrapping_add(self.offset.load(Ordering::Relaxed));
        let bounded = time.clamp(now, now.saturating_add(MAX_LEAD));
        if bounded != time {
            // Two threads that do this at once may lose the time of one request.
            self.offset
                .store(bounded.wrapping_sub(used), Ordering::Relaxed);
        }
        bounded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::resource::Scope;

    #[test]
    fn follows_the_cpu_time_within_its_bounds() {
        let account = Arc::new(Account::server().child(Scope::Handler));
        let progress = Progress::new(account.clone());
        let use_up = |time| account.record(Resource::Cpu, time);
        assert_eq!(progress.time(0), 0);
        use_up(1_000);
        assert_eq!(progress.time(0), 1_000);
        // It used nothing while others were served.
        assert_eq!(progress.time(9_000), 9_000);
        use_up(500);
        assert_eq!(progress.time(9_000), 9_500);
        assert_eq!(progress.time(9_200), 9_500);
        // It used a lot while no other had requests.
        use_up(3_600_000_000_000);
        assert_eq!(progress.time(9_200), 9_200 + MAX_LEAD);
        use_up(500);
        assert_eq!(progress.time(10_000), 9_700 + MAX_LEAD);
    }
}
