//! Links the shim of a component into its main module, so that each instance consists of two modules instead of three.
//!
//! An import that takes or returns more than numbers needs the memory of the main module. The main module in turn needs
//! its imports before it has a memory. wit-component solves this with two extra modules. The functions of the *shim* call
//! the imports through a table. The *fixup module* fills that table once the main module is instantiated.
//!
//! Here the functions of the shim become functions of the main module, and its table becomes the last table of the main
//! module. The tables that the main module already has keep their lengths, so a wrong index still traps. The shim stays
//! as an empty module without an instance, so that the indices of the other modules do not change.

mod function_types;
mod index_spaces;
mod main_module;
mod plan;
mod rewrite;
mod sections;
mod shim;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result};

use plan::Plan;

/// The component with its shim linked into its main module.
///
/// # Errors
///
/// The component is not valid, or is not structured as wit-component does it.
pub fn link_shim(component: &[u8]) -> Result<Vec<u8>> {
    wasmparser::validate(component).context("the component is not valid")?;
    let plan = Plan::of(component)?;
    let linked = rewrite::component(component, &plan)?;
    wasmparser::validate(&linked).context("the result is not valid")?;
    Ok(linked)
}
