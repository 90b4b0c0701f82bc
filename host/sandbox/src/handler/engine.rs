//! The engine: what all handlers share.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use crate::account::ledger::Account;
use crate::account::limits::Limits;
use crate::account::resource::Scope;
use crate::admission::{Admission, Limiter, Permits};
use crate::failure::Failure;
use crate::runtime::engine_config::PROBES;
use crate::runtime::engines::Engines;
use crate::runtime::epoch::Ticker;
use crate::runtime::idle_pool::{IdlePool, IdlePools};
use crate::runtime::scheduler::slow_lane::SlowLane;
use crate::worlds::Exports;

/// Compiles components, and holds what all their instances share: memory, permits, the clock, threads. One for each process.
pub struct Engine {
    engines: Engines,
    permits: Arc<Permits>,
    /// Permits for probes, beyond the others, so that a busy handler can be replaced.
    probes: Arc<Limiter>,
    idle: IdlePools<Exports>,
    ticker: Ticker,
    slow_lane: Arc<SlowLane>,
    account: Arc<Account>,
}

impl Engine {
    /// Starts an engine for at most `max_instances` instances at once, of all handlers together. `threads` is the number of
    /// threads for guests that run long.
    ///
    /// # Errors
    ///
    /// If the system lacks the memory or address space that even on-demand allocation needs, or a thread for the clock.
    pub fn new(max_instances: u32, threads: usize) -> anyhow::Result<Self> {
        let engines = Engines::start(max_instances)
            .map_err(anyhow::Error::from)
            .context("the WebAssembly engine does not start")?;
        let permits = Permits::new(max_instances);
        let probes = Permits::new(PROBES);
        let weak = [&permits, &probes].map(Arc::downgrade);
        let is_idle = move || {
            let [permits, probes] = weak.each_ref().map(std::sync::Weak::upgrade);
            Some(permits?.are_all_free() && probes?.are_all_free())
        };
        let ticker = Ticker::start(engines.synchronous(), is_idle)
            .context("the system cannot start a thread for the epoch clock")?;
        Ok(Self {
            engines,
            permits,
            probes: probes.limiter(PROBES),
            idle: IdlePools::default(),
            ticker,
            slow_lane: Arc::new(SlowLane::new(threads)),
            account: Account::server(),
        })
    }

    /// The folder of compiled components, if there is one.
    pub fn cache_folder(&self) -> Option<&Path> {
        self.engines.cache_folder()
    }

    /// Removes the compile cache if it is temporary. Call this at the end of the process, when threads may still hold the
    /// engine, so that it is not dropped.
    pub fn close(&self) {
        self.engines.close();
    }

    pub(super) fn cache_hits(&self) -> usize {
        self.engines.cache_hits()
    }

    /// The wasmtime engine for a component, with or without the async ABI of WASI 0.3.
    pub(super) fn wasmtime(&self, is_concurrent: bool) -> wasmtime::Result<&wasmtime::Engine> {
        match is_concurrent {
            true => self.engines.concurrent(|engine| self.ticker.add(engine)),
            false => Ok(self.engines.synchronous()),
        }
    }

    pub(super) fn slow_lane(&self) -> &Arc<SlowLane> {
        &self.slow_lane
    }

    /// The account of a new handler.
    pub(super) fn account(&self) -> Arc<Account> {
        Arc::new(self.account.child(Scope::Handler))
    }

    /// The access of a new handler to the permits.
    pub(super) fn limiter(&self, limits: &Limits) -> Arc<Limiter> {
        self.permits.limiter(limits.max_instances)
    }

    /// The idle pool of a new handler whose instances may answer up to `reuse` requests.
    pub(super) fn idle_pool(&self, reuse: u32) -> Arc<IdlePool<Exports>> {
        self.idle.add(reuse)
    }

    /// Requests a permit for an instance of a handler.
    ///
    /// # Errors
    ///
    /// If the queue of the handler is full.
    pub(super) fn admit(
        &self,
        limiter: &Arc<Limiter>,
        limits: &Limits,
    ) -> Result<Admission, Failure> {
        let admission = limiter.admit(limits.max_instances, limits.max_queue);
        // If the request is queued, guests run: the clock does not go to sleep before the request is granted its permit.
        self.ticker.wake();
        admission.ok_or(Failure::QueueFull(limits.max_queue))
    }

    /// Requests a permit for a probe.
    pub(super) fn admit_probe(&self) -> Result<Admission, Failure> {
        let limits = Limits {
            max_instances: PROBES,
            max_queue: u32::MAX,
            ..Limits::default()
        };
        self.admit(&self.probes, &limits)
    }

    /// Takes down idle instances while they leave no room for an instance that is about to be made with a permit.
    pub(super) fn make_room(&self) {
        self.idle.make_room(|| self.permits.free());
    }
}
