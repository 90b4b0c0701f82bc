//! A handler's share of the processors, in both lanes.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::lane::Lane;
use super::slow_threads::SlowThreads;
use super::virtual_time::Progress;
use crate::account::ledger::Account;

/// The lanes of an engine.
pub(crate) struct Lanes {
    pub(super) fast: Lane,
    pub(super) slow: Lane,
    pub(super) slow_threads: SlowThreads,
}

/// What a handler uses of the processors, and its part of the queues. All versions of a handler have one together.
pub(crate) struct CpuShare {
    pub(super) lanes: Arc<Lanes>,
    /// What it has used, as the fast lane sees it.
    pub(super) fast: Arc<Progress>,
    /// The same for the slow lane.
    pub(super) slow: Arc<Progress>,
}

impl Lanes {
    /// `threads` is the number of threads of each lane.
    pub fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self {
            fast: Lane::new(threads),
            slow: Lane::new(threads),
            slow_threads: SlowThreads::new(threads),
        })
    }

    /// The share of a new handler. `account` records what the handler uses.
    pub fn share(self: &Arc<Self>, account: &Arc<Account>) -> Arc<CpuShare> {
        Arc::new(CpuShare {
            lanes: self.clone(),
            fast: Progress::new(account.clone()),
            slow: Progress::new(account.clone()),
        })
    }
}

impl CpuShare {
    /// The runtime of the slow lane. None if the system cannot start its threads.
    pub(super) fn slow_runtime(&self) -> Option<&Runtime> {
        self.lanes.slow_threads.runtime()
    }
}
