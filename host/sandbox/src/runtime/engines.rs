//! The wasmtime engines: for synchronous components and for the async ABI of WASI 0.3, with a pool or without.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::engine_config::{Allocation, Tasks, config};
use super::pool_size::{PoolSize, STACKS};

/// The engine that a component needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// Without the bookkeeping for concurrent tasks, for components that need none: 10 % more requests.
    Synchronous,
    /// With that bookkeeping, for components of WASI 0.3.
    Concurrent,
    /// Like these two, for chains whose instances have more memories or tables than a place in a pool.
    SynchronousOnDemand,
    ConcurrentOnDemand,
}

/// The wasmtime engines. Each but the first starts with the first component that needs it.
pub(crate) struct Engines {
    synchronous: wasmtime::Engine,
    others: [OnceLock<wasmtime::Engine>; OTHERS],
    /// Held while an engine starts, because handlers are loaded on several threads.
    starting: Mutex<()>,
    max_instances: u32,
    resident: u64,
}

/// The number of engines beside the synchronous one.
pub(crate) const OTHERS: usize = 3;

impl EngineKind {
    pub fn new(tasks: Tasks, has_pool: bool) -> Self {
        match (tasks, has_pool) {
            (Tasks::One, true) => Self::Synchronous,
            (Tasks::Many, true) => Self::Concurrent,
            (Tasks::One, false) => Self::SynchronousOnDemand,
            (Tasks::Many, false) => Self::ConcurrentOnDemand,
        }
    }
}

impl Engines {
    /// Starts the synchronous engine, with room for `max_instances`. Of the pool of each engine, at most `resident` bytes stay
    /// resident when no instance runs.
    ///
    /// # Errors
    ///
    /// If the system lacks the memory or address space that even on-demand allocation needs.
    pub fn start(max_instances: u32, resident: u64) -> wasmtime::Result<Self> {
        Ok(Self {
            synchronous: start(max_instances, resident, Tasks::One)?,
            others: Default::default(),
            starting: Mutex::new(()),
            max_instances,
            resident,
        })
    }

    /// The engine that has started already.
    pub fn synchronous(&self) -> &wasmtime::Engine {
        &self.synchronous
    }

    /// The engine of this kind. `started` is called when this call has started it.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn get(
        &self,
        kind: EngineKind,
        started: impl FnOnce(&wasmtime::Engine),
    ) -> wasmtime::Result<&wasmtime::Engine> {
        let [concurrent, synchronous_on_demand, concurrent_on_demand] = &self.others;
        let place = match kind {
            EngineKind::Synchronous => return Ok(&self.synchronous),
            EngineKind::Concurrent => concurrent,
            EngineKind::SynchronousOnDemand => synchronous_on_demand,
            EngineKind::ConcurrentOnDemand => concurrent_on_demand,
        };
        if let Some(engine) = place.get() {
            return Ok(engine);
        }
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = place.get() {
            return Ok(engine);
        }
        let on_demand = |tasks| wasmtime::Engine::new(&config(Allocation::OnDemand, tasks));
        let engine = match kind {
            EngineKind::SynchronousOnDemand => on_demand(Tasks::One)?,
            EngineKind::ConcurrentOnDemand => on_demand(Tasks::Many)?,
            _ => start(self.max_instances, self.resident, Tasks::Many)?,
        };
        let engine = place.get_or_init(|| engine);
        started(engine);
        Ok(engine)
    }
}

fn start(max_instances: u32, resident: u64, tasks: Tasks) -> wasmtime::Result<wasmtime::Engine> {
    let stacks = match tasks {
        Tasks::One => 1,
        Tasks::Many => STACKS,
    };
    let size = PoolSize::fit(max_instances, stacks, resident);
    wasmtime::Engine::new(&config(Allocation::Pool(size), tasks)).or_else(|error| {
        tracing::warn!(
            "instances are allocated on demand, which is slower: the address space has no room for a pool of \
             {max_instances} instances ({error:#}); lower --max-instances, or raise `ulimit -v`"
        );
        wasmtime::Engine::new(&config(Allocation::OnDemand, tasks))
    })
}
