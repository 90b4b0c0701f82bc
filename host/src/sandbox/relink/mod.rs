//! Components with their shim linked in: what wit-component needs three modules for is done by two.
//!
//! A function of the host that takes or gives more than numbers needs the memory of the module that calls it, and that
//! module needs the function before there is a memory. wit-component cuts this knot with two small modules beside the
//! main one: a *shim*, whose functions call through a table, and a *fixup*, which fills that table once the main module is
//! there. They are instantiated anew for each request like all else.
//!
//! Here the functions of the shim become functions of the main module, and their table a second one of it: its own
//! stays as long as it was, so that a wrong index still traps. What the component does stays the same; a fresh hello
//! takes a seventh fewer instructions (bench/README.md).
//!
//! A component that is not valid, or not built exactly like this, is left as it is. Nothing is taken on trust: what comes
//! out is validated again and compiled like any other component, with the same imports and grants.

mod modules;
mod rewrite;
mod shape;
#[cfg(test)]
mod tests;

use shape::Shape;
use wasmparser::{Parser, Payload};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Compiles a component, or takes it from the engine's cache, with its shim linked in where it has one.
///
/// # Errors
///
/// Where it is no valid component.
pub(super) fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<Component> {
    if let Some(relinked) = relink(component)
        && let Ok(compiled) = Component::from_binary(engine, &relinked)
    {
        return Ok(compiled);
    }
    Component::from_binary(engine, component)
}

/// The component with its shim linked in. None where it has none, or is built in a way that is not known.
fn relink(component: &[u8]) -> Option<Vec<u8>> {
    let shape = Shape::of(component)?;
    // What is wrong with it may be in what is left out.
    wasmparser::validate(component).ok()?;
    rewrite::component(component, &shape).ok()
}

/// The sections of a component or module, without those of what is nested in it.
fn sections(bytes: &[u8]) -> impl Iterator<Item = Result<Payload<'_>, wasmparser::Error>> {
    let mut depth = 0;
    let of_this = move |payload: &Result<Payload<'_>, _>| match payload {
        Ok(Payload::Version { .. }) => {
            depth += 1;
            false
        }
        Ok(Payload::End(_)) => {
            depth -= 1;
            false
        }
        Ok(_) => depth == 1,
        Err(_) => true,
    };
    Parser::new(0).parse_all(bytes).filter(of_this)
}
