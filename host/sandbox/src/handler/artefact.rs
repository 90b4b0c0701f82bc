//! Artefacts: components as machine code, on their way from the process that compiled them to an engine.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::chain::Chain;
use super::engine::Engine;
use super::load_error::LoadError;
use crate::runtime::engine_config::Effort;

/// A compiled component. An engine runs it as it is, so its bytes must come from [`CompileTarget::compile`].
///
/// [`CompileTarget::compile`]: super::compile::CompileTarget::compile
pub struct Artefact(Vec<u8>);

/// A component that was compiled now or before.
pub struct Compiled {
    pub artefact: Artefact,
    /// How long the compilation took. None: the artefact is an earlier one.
    pub took: Option<Duration>,
}

/// Names the artefact of a component for an engine: the SHA-256 of all its parts in order, of the compiler's settings and
/// effort, and of its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArtefactKey(pub [u8; 32]);

impl Artefact {
    /// # Safety
    ///
    /// The bytes are those of an artefact that [`CompileTarget::compile`] returned, unchanged. Other bytes would run as
    /// machine code, outside of any sandbox.
    ///
    /// [`CompileTarget::compile`]: super::compile::CompileTarget::compile
    pub unsafe fn trusted(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// An artefact that this process has just compiled.
    pub(super) fn compiled(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Loads the artefact. wasmtime copies the bytes, and refuses those of another version or of other settings.
    pub(super) fn load(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        // SAFETY: both constructors guarantee that the bytes come from the compiler.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}

impl ArtefactKey {
    /// # Errors
    ///
    /// If the bytes are not a component, or the engine for it does not start.
    pub fn of(engine: &Engine, effort: Effort, chain: &Chain<'_>) -> Result<Self, LoadError> {
        let names = chain.names()?.names;
        let engine = engine.wasmtime_for(chain, &names)?;
        let mut settings = Sha256Hasher::default();
        engine.precompile_compatibility_hash().hash(&mut settings);
        let mut key = Sha256::new();
        key.update(settings.0.finalize());
        // The settings are those of the engine, which is the same for any effort.
        if effort == Effort::Least {
            key.update(b"least effort");
        }
        // No component begins like the length of another one, so each list of parts has a key of its own.
        for (_, middleware) in chain.middleware() {
            key.update((middleware.len() as u64).to_le_bytes());
            key.update(middleware);
        }
        key.update(chain.handler());
        Ok(Self(key.finalize().into()))
    }
}

/// Passes what the standard library's `Hash` writes to SHA-256.
#[derive(Default)]
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not used: the digest has more bits than fit here.
    fn finish(&self) -> u64 {
        0
    }
}
