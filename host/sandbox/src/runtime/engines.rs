//! The two wasmtime engines: one for synchronous components, one for the async ABI of WASI 0.3.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::engine_config::{Allocation, Tasks, config};
use super::pool_size::{PoolSize, STACKS};

/// The wasmtime engines.
pub(crate) struct Engines {
    /// Without the bookkeeping for concurrent tasks, for components that need none: 10 % more requests.
    synchronous: wasmtime::Engine,
    /// With that bookkeeping, for components of WASI 0.3. It starts with the first of them.
    concurrent: OnceLock<wasmtime::Engine>,
    /// Held while the concurrent engine starts, because handlers are loaded on several threads.
    starting: Mutex<()>,
    max_instances: u32,
    resident: u64,
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
            concurrent: OnceLock::new(),
            starting: Mutex::new(()),
            max_instances,
            resident,
        })
    }

    /// The engine for components of belljar's own contract and of WASI 0.2.
    pub fn synchronous(&self) -> &wasmtime::Engine {
        &self.synchronous
    }

    /// The engine for components of WASI 0.3. `started` is called when this call has started it.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn concurrent(
        &self,
        started: impl FnOnce(&wasmtime::Engine),
    ) -> wasmtime::Result<&wasmtime::Engine> {
        if let Some(engine) = self.concurrent.get() {
            return Ok(engine);
        }
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = self.concurrent.get() {
            return Ok(engine);
        }
        let engine = start(self.max_instances, self.resident, Tasks::Many)?;
        let engine = self.concurrent.get_or_init(|| engine);
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
