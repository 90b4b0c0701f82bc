//! Compiles components in processes of their own, with limits on memory and time.
//!
//! A hostile component can make a compiler take all memory and processors of a machine, so this process never compiles one
//! itself. It takes the artefact from the cache or from a compiler process. If neither has one, the component is refused.
//!
//! - [`Compiler`] looks into the `cache`, or runs a compiler `process`.
//! - The process has a `task`, and comes from a `starter`: this process, or in Linux the `launcher` of a server.
//! - `child` is what the compiler process does: it reads its `input`, composes the parts of a chain in `compose`, and compiles.
//! - `trust` is where bytes become code that runs.

mod cache;
mod child;
mod compose;
mod input;
#[cfg(target_os = "linux")]
mod launcher;
mod limits;
mod pipes;
mod process;
mod starter;
mod task;
mod trust;

use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use belljar_sandbox::{ArtefactKey, Chain, CompileTarget, Compiled, Effort, Engine};

use self::cache::CompileCache;
use self::process::CompilerProcess;
use self::task::Task;

pub use self::child::{Child, REFUSED};
#[cfg(target_os = "linux")]
pub use self::launcher::{Launcher, run_launcher};
pub use self::limits::CompileLimits;
pub use self::starter::Starter;

/// Has components compiled, a few at once, and keeps the artefacts.
pub struct Compiler {
    starter: Starter,
    limits: CompileLimits,
    effort: Effort,
    /// None if there is no folder for it.
    cache: Option<CompileCache>,
    /// How many more processes may be started.
    free: Mutex<usize>,
    /// Notified when a process ends.
    ended: Condvar,
}

impl Compiler {
    /// Opens the cache.
    pub fn new(starter: Starter, limits: CompileLimits) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            starter,
            cache: CompileCache::open(limits.cache),
            limits,
            effort: Effort::Full,
            free: Mutex::new((processors / 2).max(1)),
            ended: Condvar::new(),
        }
    }

    /// Compiles with this effort.
    pub fn with_effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }

    /// Compiles a component, with the middleware in front of it, for an engine, or takes its artefact from the cache. `name`
    /// is the handler's name in the log.
    ///
    /// # Errors
    ///
    /// Fails if the component is invalid or if its compilation exceeds the limits.
    pub fn compile(
        &self,
        engine: &Engine,
        name: &str,
        chain: &Chain<'_>,
    ) -> Result<Compiled, String> {
        let key = ArtefactKey::of(engine, self.effort, chain).map_err(|error| error.to_string())?;
        if let Some(artefact) = self.cached(key) {
            return Ok(artefact);
        }
        let target = CompileTarget::of(engine, chain).map_err(|error| error.to_string())?;
        let _permit = self.permit();
        // The process that this one waited for may have compiled the same component.
        if let Some(artefact) = self.cached(key) {
            return Ok(artefact);
        }
        let began = Instant::now();
        let process = CompilerProcess {
            starter: &self.starter,
            limits: &self.limits,
            task: Task::new(&self.limits, target, self.effort, chain),
        };
        let output = process.run(name, chain)?;
        let took = Some(began.elapsed());
        if let Some(cache) = &self.cache {
            cache.put(key, &output);
        }
        let artefact = trust::artefact(output);
        Ok(Compiled { artefact, took })
    }

    /// The folder of the cache, and whether it is removed at the end.
    pub fn cache_folder(&self) -> Option<(&Path, bool)> {
        self.cache.as_ref().map(CompileCache::folder)
    }

    /// Removes the cache if it is temporary. Call this at the end of the process, when threads may still hold the compiler,
    /// so that it is not dropped.
    pub fn close(&self) {
        self.cache.iter().for_each(CompileCache::close);
    }

    fn cached(&self, key: ArtefactKey) -> Option<Compiled> {
        let artefact = trust::artefact(self.cache.as_ref()?.get(key)?);
        let took = None;
        Some(Compiled { artefact, took })
    }

    /// Waits until a process may be started.
    fn permit(&self) -> Permit<'_> {
        let mut free = self.lock();
        while *free == 0 {
            free = self
                .ended
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Permit(self)
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit for one process, returned on drop.
struct Permit<'a>(&'a Compiler);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.ended.notify_one();
    }
}
