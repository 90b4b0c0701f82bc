//! Loading a component: what it imports and exports, its artefact, and linking it with its grants.

use std::sync::Arc;

use wasmtime::component::{Component, Linker};

use super::artefact::Artefact;
use super::chain::Chain;
use super::engine::Engine;
use super::fetch_events;
use super::load_error::LoadError;
use super::missing_imports::{MissingImport, missing_imports};
use super::refused_imports;
use crate::account::ledger::Exceeded;
use crate::runtime::components::CompiledComponent;
use crate::runtime::copy_on_write_image;
use crate::wasi::grants::Grants;
use crate::wasi::host_state::HostState;
use crate::wasi::{linker, other_hosts};
use crate::worlds::{ImportsAndExports, LinkedComponent, World};

/// A component that is compiled and linked, with the wasmtime engine for it.
pub(super) struct Loaded {
    pub wasmtime: wasmtime::Engine,
    pub component: LinkedComponent,
    pub compiled: Arc<CompiledComponent>,
    /// Whether an instance answers only one request.
    pub answers_once: bool,
}

/// Loads the artefact of a component, and links it with its grants.
pub(super) fn load(
    engine: &Engine,
    chain: &Chain<'_>,
    artefact: impl FnOnce() -> Result<Artefact, String>,
    grants: &Grants,
) -> Result<Loaded, LoadError> {
    let component = |engine: &wasmtime::Engine| {
        let artefact = artefact().map_err(LoadError::NotCompiled)?;
        artefact.load(engine).map_err(LoadError::of_artefact)
    };
    link_component(engine, chain, component, grants)
}

/// Compiles a component in this process, and links it with its grants.
pub(super) fn compile(engine: &Engine, bytes: &[u8], grants: &Grants) -> Result<Loaded, LoadError> {
    let component = |engine: &wasmtime::Engine| {
        Component::from_binary(engine, bytes).map_err(LoadError::NotAComponent)
    };
    link_component(engine, &Chain::of(bytes), component, grants)
}

fn link_component(
    engine: &Engine,
    chain: &Chain<'_>,
    component: impl FnOnce(&wasmtime::Engine) -> Result<Component, LoadError>,
    grants: &Grants,
) -> Result<Loaded, LoadError> {
    let names = chain.names()?.names;
    let world = check(&names)?;
    let wasmtime = engine.wasmtime_for(chain, &names)?.clone();
    let load = || {
        let component = component(&wasmtime)?;
        copy_on_write_image::create(&component).map_err(LoadError::NoImage)?;
        Ok(component)
    };
    let no_memory = |exceeded: Exceeded| LoadError::NoMemory(exceeded.limit);
    let parts: Vec<_> = chain.parts().collect();
    let compiled = engine.components().get(&parts, load, no_memory)?;
    let needs_none = |import: &str| names.types.iter().any(|name| name == import);
    let missing = missing_imports(&compiled.component, |import| {
        needs_none(import) || provides(Some(world), import)
    });
    let (refused, missing): (Vec<_>, Vec<_>) = missing
        .into_iter()
        .partition(|import| is_refused_when_called(&names, import));
    if !missing.is_empty() {
        return Err(LoadError::NotGranted(missing));
    }
    let mut linker = link(&wasmtime, &names, grants).map_err(LoadError::Mismatch)?;
    refused_imports::link(&mut linker, &compiled.component, &refused)
        .map_err(LoadError::Mismatch)?;
    let linked = world.link(&compiled.component, &linker);
    let linked = linked.map_err(|error| match MissingImport::of_link_error(&error) {
        Some(missing) => LoadError::NotGranted(vec![missing]),
        None => LoadError::Mismatch(error),
    })?;
    Ok(Loaded {
        wasmtime,
        component: linked,
        compiled,
        answers_once: chain.parts().any(fetch_events::answers_once),
    })
}

/// The world of a component.
pub(super) fn check(names: &ImportsAndExports) -> Result<World, LoadError> {
    World::of(names).ok_or_else(|| LoadError::NoHandler(names.exports.clone()))
}

/// Whether belljar provides the interface of an import to components of this world.
pub(super) fn provides(world: Option<World>, import: &str) -> bool {
    world.is_some_and(|world| world.provides(import)) || linker::provides(import)
}

/// Whether a missing import ends only the requests that call it. A component that imports all of Spin imports more than it
/// calls: SDKs such as Spin's for Python import whatever there is.
pub(super) fn is_refused_when_called(names: &ImportsAndExports, import: &MissingImport) -> bool {
    other_hosts::is_all_of_spin(names.imports.iter().map(String::as_str))
        && other_hosts::why_not(&import.name).is_some()
}

fn link(
    engine: &wasmtime::Engine,
    names: &ImportsAndExports,
    grants: &Grants,
) -> wasmtime::Result<Linker<HostState>> {
    let mut linker = Linker::new(engine);
    linker::link(&mut linker, grants, &names.imports)?;
    if names.is_concurrent() {
        linker::link_concurrent(&mut linker)?;
    }
    Ok(linker)
}
