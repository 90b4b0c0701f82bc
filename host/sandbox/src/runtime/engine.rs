//! The engine: how components are compiled, where their instances live, how many there may be.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context;
use tokio::runtime::Runtime;
use wasmtime::{
    Cache, Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

use crate::account::limits::Limits;
use crate::admission::{Entry, Gate, Places};
use crate::failure::Failure;
use crate::runtime::compile_cache::CacheFolder;
use crate::runtime::epoch::Ticker;
use crate::runtime::idle_pool::AllKept;
use crate::runtime::scheduler::SlowLane;

/// Compiles components and holds what all their instances share: memory, clock, threads, places.
pub struct Engine {
    /// Without the bookkeeping for concurrent tasks, for components that need none: 10 % more requests.
    synchronous: wasmtime::Engine,
    /// With it, for components of WASI 0.3; made for the first of them.
    concurrent: OnceLock<wasmtime::Engine>,
    /// Held while that is made: handlers are loaded on several threads.
    starting: Mutex<()>,
    /// Of compiled components. None where there is no place for it.
    cache: Option<CacheFolder>,
    max_instances: u32,
    places: Arc<Places>,
    /// To the places for probes, which are beyond the others: a handler that is busy can be replaced all the same.
    probes: Arc<Gate>,
    kept: AllKept,
    ticker: Ticker,
    slow_lane: SlowLane,
}

impl Engine {
    /// `max_instances` may exist at once, of all handlers. `threads` is the number of threads for guests that run long.
    ///
    /// # Errors
    ///
    /// Where the system lacks what even on-demand allocation needs, or gives no thread for the clock.
    pub fn new(max_instances: u32, threads: usize) -> anyhow::Result<Self> {
        let cache = CacheFolder::open();
        let kept = cache.as_ref().map(CacheFolder::cache);
        let synchronous = start(max_instances, Tasks::One, kept)
            .map_err(anyhow::Error::from)
            .context("the WebAssembly engine does not start")?;
        let places = Places::new(max_instances);
        let beyond = Places::new(PROBES);
        let ticker = Ticker::start(&synchronous, [&places, &beyond])
            .context("no thread for the epoch's clock")?;
        Ok(Self {
            synchronous,
            concurrent: OnceLock::new(),
            starting: Mutex::new(()),
            cache,
            max_instances,
            places,
            probes: beyond.gate(PROBES),
            kept: AllKept::default(),
            ticker,
            slow_lane: SlowLane::new(threads),
        })
    }

    pub(crate) fn found_compiled(&self) -> usize {
        self.cache().map_or(0, Cache::cache_hits)
    }

    /// Where compiled components are kept, if anywhere.
    pub fn cache_folder(&self) -> Option<&Path> {
        self.cache.as_ref().map(CacheFolder::path)
    }

    /// Takes away what is kept for the life of this process alone. For its end, at which nothing is dropped that some
    /// thread still holds.
    pub fn close(&self) {
        self.cache.iter().for_each(CacheFolder::close);
    }

    fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref().map(CacheFolder::cache)
    }

    /// The engine for components of WASI 0.2 and of belljar's own contract.
    pub(crate) fn synchronous(&self) -> &wasmtime::Engine {
        &self.synchronous
    }

    /// The engine for components of WASI 0.3.
    pub(crate) fn concurrent(&self) -> wasmtime::Result<&wasmtime::Engine> {
        if let Some(engine) = self.concurrent.get() {
            return Ok(engine);
        }
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = self.concurrent.get() {
            return Ok(engine);
        }
        let engine = start(self.max_instances, Tasks::Many, self.cache())?;
        let engine = self.concurrent.get_or_init(|| engine);
        self.ticker.add(engine);
        Ok(engine)
    }

    pub(crate) fn slow_lane(&self) -> Option<&Runtime> {
        self.slow_lane.runtime()
    }

    /// A gate to the places for a new handler.
    pub(crate) fn gate(&self, limits: &Limits) -> Arc<Gate> {
        self.places.gate(limits.max_instances)
    }

    /// A place for a request, or its turn.
    pub(crate) fn enter(&self, gate: &Arc<Gate>, limits: &Limits) -> Result<Entry, Failure> {
        let entry = gate.enter(limits.max_instances, limits.max_queue);
        // Where somebody has to wait, guests run: the clock does not go to sleep before the turn has come.
        self.ticker.wake();
        entry.ok_or(Failure::QueueFull(limits.max_queue))
    }

    /// As [`enter`](Self::enter), for an instance that is only tried.
    pub(crate) fn enter_probe(&self) -> Result<Entry, Failure> {
        let limits = Limits {
            max_instances: PROBES,
            max_queue: u32::MAX,
            ..Limits::default()
        };
        self.enter(&self.probes, &limits)
    }

    pub(crate) fn kept(&self) -> &AllKept {
        &self.kept
    }

    /// Takes down instances that are kept, as far as one that has a place and is to be made now would find no room.
    pub(crate) fn make_room(&self) {
        // Most servers keep none, and need not ask how many places are free.
        while self.kept.count() > 0
            && self.kept.count() > self.places.free()
            && self.kept.give_up_one()
        {}
    }
}

/// The tasks that an engine's instances have at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tasks {
    One,
    /// The async ABI of WASI 0.3.
    Many,
}

/// Where an engine's instances live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// In a pool for so many of them.
    Pool(u32),
    /// Nowhere: the engine compiles as one with a pool does, and reserves none.
    None,
    /// Wherever there is room, when they are made.
    Anywhere,
}

fn start(
    max_instances: u32,
    tasks: Tasks,
    cache: Option<&Cache>,
) -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&config(Home::Pool(max_instances), tasks, cache)).or_else(|error| {
        tracing::warn!(
            "instances are allocated on demand, which is slower: the address space does not hold a pool of \
             {max_instances} ({error:#}); a lower --max-instances or a higher `ulimit -v` allows one"
        );
        wasmtime::Engine::new(&config(Home::Anywhere, tasks, cache))
    })
}

/// The settings of an engine.
pub(crate) fn config(home: Home, tasks: Tasks, cache: Option<&Cache>) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .shared_memory(false)
        .cranelift_opt_level(OptLevel::Speed)
        // A wall against surprises: a guest's stack is its own, and small.
        .max_wasm_stack(STACK / 2)
        .async_stack_size(STACK)
        .cache(cache.cloned());
    match tasks {
        Tasks::One => config.concurrency_support(false),
        Tasks::Many => config.wasm_component_model_async(true),
    };
    match home {
        Home::Pool(instances) => config.allocation_strategy(InstanceAllocationStrategy::Pooling(
            pooling(instances, tasks),
        )),
        Home::None => &mut config,
        // Where there is no room for the pool there is none for a reservation of 4 GiB a memory either.
        Home::Anywhere => config
            .memory_reservation(0)
            .memory_guard_size(64 << 10)
            .memory_reservation_for_growth(1 << 20),
    };
    config
}

/// The pool, with the settings that make a fresh instance cheap: what an instance touched is wiped by
/// copying over it, found by the kernel's page scan, instead of being given back and faulted in again.
fn pooling(max_instances: u32, tasks: Tasks) -> PoolingAllocationConfig {
    let instances = max_instances.saturating_add(PROBES + SLACK);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_memories(instances.saturating_mul(MEMORIES))
        .max_memories_per_component(MEMORIES)
        .total_tables(instances.saturating_mul(TABLES))
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .total_stacks(match tasks {
            Tasks::One => instances,
            Tasks::Many => instances.saturating_mul(STACKS),
        })
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT)
        .decommit_batch_size(DECOMMIT_BATCH)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Bytes of a guest's stack, host functions included; the guest's own part is half of it.
const STACK: usize = 1 << 20;
const STACK_KEEP_RESIDENT: usize = 64 << 10;

/// Stacks for each instance of WASI 0.3, of which each task that waits in the middle of a call takes one.
const STACKS: u32 = 4;

/// Bytes of a memory or table that stay resident in the pool for the next instance.
const KEEP_RESIDENT: usize = 2 << 20;

/// Freed memories that are given back to the system together. Most have nothing to give back, and in a batch they would
/// wait for others before they can be used again, while they are still in the processor's caches.
const DECOMMIT_BATCH: usize = 1;

/// Places that a pool has beyond `--max-instances`, for threads that make room at the same moment.
const SLACK: u32 = 64;

/// Instances at once that are only tried.
const PROBES: u32 = 4;

/// Most core instances, memories and tables in a component: a component of Python has about 40, 1 and 4.
const CORE_INSTANCES: u32 = 100;
const MEMORIES: u32 = 2;
const TABLES: u32 = 4;
const TABLE_ELEMENTS: usize = 100_000;
