//! Compiling what is not trusted, in a process that does nothing else.
//!
//! Two processes meet in the folder of compiled components: one compiles into it, the other finds there what it would
//! else have compiled itself. Nothing that was compiled comes from anywhere else.

use std::path::Path;

use wasmtime::component::Component;

use crate::failure::LoadError;
use crate::handler::look_at;
use crate::runtime::compile_cache::CacheFolder;
use crate::runtime::engine::{Engine, Home, Tasks, config};

/// How an engine wants a component compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileTarget {
    /// For instances in a pool.
    Pool,
    /// For instances that are made wherever there is room.
    Anywhere,
}

impl CompileTarget {
    /// How this engine wants these bytes compiled.
    ///
    /// # Errors
    ///
    /// Where they are no component, or the engine for them does not start.
    pub fn of(engine: &Engine, bytes: &[u8]) -> Result<Self, LoadError> {
        let engine = match look_at(bytes)?.is_concurrent() {
            true => engine.concurrent().map_err(LoadError::NoEngine)?,
            false => engine.synchronous(),
        };
        Ok(match engine.pooling_allocator_metrics() {
            Some(_) => Self::Pool,
            None => Self::Anywhere,
        })
    }

    /// Compiles a component for the engine of another process, into the folder where that looks for it
    /// ([`Engine::cache_folder`]); none: whether it can be compiled is all that is asked.
    ///
    /// # Errors
    ///
    /// Where the bytes are no component, or a damaged one.
    pub fn compile(self, bytes: &[u8], folder: Option<&Path>) -> Result<(), LoadError> {
        let tasks = match look_at(bytes)?.is_concurrent() {
            true => Tasks::Many,
            false => Tasks::One,
        };
        let home = match self {
            Self::Pool => Home::None,
            Self::Anywhere => Home::Anywhere,
        };
        let folder = folder.and_then(|folder| CacheFolder::at(folder).ok());
        let cache = folder.as_ref().map(CacheFolder::cache);
        let engine =
            wasmtime::Engine::new(&config(home, tasks, cache)).map_err(LoadError::NoEngine)?;
        Component::from_binary(&engine, bytes).map_err(LoadError::NotAComponent)?;
        Ok(())
    }
}
