//! The engine: what all handlers share.

use std::sync::Arc;

use anyhow::Context;

use super::chain::Chain;
use super::load_error::LoadError;
use crate::account::ledger::Account;
use crate::account::limits::Limits;
use crate::account::resource::{Resource, UNLIMITED};
use crate::account::server::ServerAccount;
use crate::admission::{Admission, Limiter, Permits};
use crate::client_network::ClientNetwork;
use crate::failure::Failure;
use crate::runtime::components::Components;
use crate::runtime::engines::Engines;
use crate::runtime::epoch::Ticker;
use crate::runtime::idle_pool::{IdlePool, IdlePools};
use crate::runtime::pool_size::{PROBES, PoolSize};
use crate::runtime::scheduler::cpu_share::{CpuShare, Lanes};
use crate::worlds::{Exports, ImportsAndExports};

/// Loads components, and holds what all their instances share: memory, permits, the clock, threads. One for each process.
pub struct Engine {
    engines: Engines,
    components: Components,
    permits: Arc<Permits>,
    /// Permits for probes, beyond the others, so that a busy handler can be replaced.
    probes: Arc<Limiter>,
    idle: IdlePools<Exports>,
    ticker: Ticker,
    lanes: Arc<Lanes>,
    account: ServerAccount,
    /// The account of all probes, with a part of the memory like that of a handler.
    probing: Arc<Account>,
    max_instances: u32,
    /// The most bytes that the host copies from a guest in one call.
    most_copied: usize,
}

/// The bytes of memory that an engine may use, for all its handlers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineMemory {
    /// For instances, and responses that wait for their clients. Half of it is guaranteed to the handlers in equal parts;
    /// any handler may use the rest, up to its own limit.
    pub total: u64,
    /// For compiled components.
    pub code: u64,
    /// For what stays resident of instances that have ended, in each of the two pools: one for components without tasks,
    /// one for those of WASI 0.3.
    pub pool: u64,
}

impl EngineMemory {
    /// No bound, for a program that limits its memory in other ways.
    pub const UNLIMITED: Self = Self {
        total: UNLIMITED,
        code: UNLIMITED,
        pool: UNLIMITED,
    };
}

impl Engine {
    /// Starts an engine for at most `max_instances` instances at once, of all handlers together, without a bound on their
    /// memory. `threads` is the number of threads that serve requests. Guests that run long have as many threads of their
    /// own.
    ///
    /// # Errors
    ///
    /// As for [`within`](Self::within).
    pub fn new(max_instances: u32, threads: usize) -> anyhow::Result<Self> {
        Self::within(EngineMemory::UNLIMITED, max_instances, threads)
    }

    /// Like [`new`](Self::new), with a bound on the memory of all handlers together. If the pools do not fit into it, fewer
    /// [instances](Self::max_instances) run at once.
    ///
    /// # Errors
    ///
    /// If the system lacks the memory or address space that even on-demand allocation needs, or a thread for the clock.
    pub fn within(
        memory: EngineMemory,
        max_instances: u32,
        threads: usize,
    ) -> anyhow::Result<Self> {
        let max_instances = PoolSize::most_instances(max_instances, memory.pool);
        let engines = Engines::start(max_instances, memory.pool)
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
        let account = ServerAccount::new(memory.total);
        // While a call is copied, its bytes are in no account. The fast lane and the slow lane have as many threads, and all
        // copies at once are no more than the handlers may use.
        let copies = threads.saturating_mul(2).clamp(1, max_instances as usize);
        let most_copied = memory.total / copies as u64;
        Ok(Self {
            probing: account.handler(UNLIMITED),
            account,
            max_instances,
            most_copied: usize::try_from(most_copied.max(LEAST_COPIED)).unwrap_or(usize::MAX),
            engines,
            components: Components::new(memory.code),
            permits,
            probes: probes.limiter(PROBES),
            idle: IdlePools::default(),
            ticker,
            lanes: Lanes::new(threads),
        })
    }

    /// The most instances that run at once.
    pub fn max_instances(&self) -> u32 {
        self.max_instances
    }

    /// Limits the open files of all handlers together. By default a handler may have half of them.
    pub fn limit_open_files(&self, most: u64) {
        self.account.limit(Resource::OpenFiles, most);
    }

    /// The limit of open files of a handler.
    pub(super) fn open_files(&self, limits: &Limits) -> u64 {
        match limits.max_open_files {
            Some(most) => most as u64,
            None => self.account.limit_of(Resource::OpenFiles).div_ceil(2),
        }
    }

    /// The wasmtime engine for a component with these names.
    ///
    /// # Errors
    ///
    /// If no engine has room for it, or the engine does not start.
    pub(super) fn wasmtime_for(
        &self,
        chain: &Chain<'_>,
        names: &ImportsAndExports,
    ) -> Result<&wasmtime::Engine, LoadError> {
        let kind = chain.engine(names)?;
        let engine = self.engines.get(kind, |engine| self.ticker.add(engine));
        engine.map_err(LoadError::NoEngine)
    }

    /// The share of a new handler in the processors. `account` is that of the handler.
    pub(super) fn cpu_share(&self, account: &Arc<Account>) -> Arc<CpuShare> {
        self.lanes.share(account)
    }

    /// The account of a new handler.
    pub(super) fn account(&self, limits: &Limits) -> Arc<Account> {
        self.account.handler(limits.total_memory as u64)
    }

    /// The compiled components of all handlers.
    pub(super) fn components(&self) -> &Components {
        &self.components
    }

    /// The account of probes.
    pub(super) fn probing(&self) -> &Arc<Account> {
        &self.probing
    }

    /// The most bytes that the host may copy from a guest in one call. If the guest has `memory` bytes, it can name no more,
    /// unless it lists the same bytes many times.
    pub(super) fn most_copied(&self, memory: usize) -> usize {
        memory.min(self.most_copied)
    }

    /// The access of a new handler to the permits.
    pub(super) fn limiter(&self, limits: &Limits) -> Arc<Limiter> {
        self.permits.limiter(limits.max_instances)
    }

    /// The idle pool of a new handler whose instances may answer up to `reuse` requests.
    pub(super) fn idle_pool(&self, reuse: u32) -> Arc<IdlePool<Exports>> {
        self.idle.add(reuse)
    }

    /// Requests a permit for an instance of a handler, for a request of `client`.
    ///
    /// # Errors
    ///
    /// If the queue of the handler is full.
    pub(super) fn admit(
        &self,
        limiter: &Arc<Limiter>,
        client: ClientNetwork,
        limits: &Limits,
    ) -> Result<Admission, Failure> {
        let admission = limiter.admit(client, limits.max_instances, limits.max_queue);
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
        self.admit(&self.probes, ClientNetwork::NONE, &limits)
    }

    /// Takes down an idle instance of any handler, because all memory is in use. Returns whether there was one.
    pub(super) fn free_memory(&self) -> bool {
        self.idle.free_memory()
    }

    /// Takes down idle instances while they leave no room for an instance that is about to be made with a permit.
    pub(super) fn make_room(&self) {
        self.idle.make_room(|| self.permits.free());
    }
}

/// Even with little memory, a response of this many bytes can be copied.
const LEAST_COPIED: u64 = 1 << 20;
