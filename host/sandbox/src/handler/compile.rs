//! Compiles an untrusted component in a process of its own, for the engine of another process.
//!
//! The compiler process makes an [`Artefact`], and the other process loads it with
//! [`Handler::load_artefact`](super::Handler::load_artefact).

use super::artefact::Artefact;
use super::chain::Chain;
use super::engine::Engine;
use super::load_error::LoadError;
use super::names::imports_and_exports;
use crate::runtime::engine_config::{Allocation, Effort, Tasks, config, spare};

/// How an engine needs a component compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileTarget {
    /// For instances in a pool.
    Pool,
    /// For instances that are allocated on demand.
    OnDemand,
}

impl CompileTarget {
    /// How this engine needs a component compiled.
    ///
    /// # Errors
    ///
    /// If the bytes are not a component, or the engine for it does not start.
    pub fn of(engine: &Engine, chain: &Chain<'_>) -> Result<Self, LoadError> {
        let engine = engine.wasmtime_for(chain, &chain.names()?.names)?;
        Ok(match engine.pooling_allocator_metrics() {
            Some(_) => Self::Pool,
            None => Self::OnDemand,
        })
    }

    /// Compiles a component for the engine of another process. It neither loads nor runs the result. The parts of a chain
    /// have been composed.
    ///
    /// # Errors
    ///
    /// If the bytes are not a component, or are a damaged one.
    pub fn compile(self, effort: Effort, bytes: &[u8]) -> Result<Artefact, LoadError> {
        let tasks = match imports_and_exports(bytes)?.is_concurrent() {
            true => Tasks::Many,
            false => Tasks::One,
        };
        let allocation = match self {
            Self::Pool => Allocation::None,
            Self::OnDemand => Allocation::OnDemand,
        };
        let mut config = config(allocation, tasks);
        if effort == Effort::Least {
            spare(&mut config);
        }
        let engine = wasmtime::Engine::new(&config);
        let engine = engine.map_err(LoadError::NoEngine)?;
        let artefact = engine.precompile_component(bytes);
        artefact
            .map(Artefact::compiled)
            .map_err(LoadError::NotAComponent)
    }
}
