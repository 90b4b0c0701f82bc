//! Checks the sources without running them: format, lints and API documentation.
//!
//! These checks and the tests share the profile `checked`, and so the build scripts and macros that it has compiled.

use anyhow::Result;
use xtask::workspace;

use crate::packages::{self, HANDLERS, LIBRARY};
use crate::process::call;
use crate::targets;

/// Checks the format of all crates, and the lints of all native code.
pub fn lint() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    for selected in [packages::server(), packages::library()] {
        cargo(&[CLIPPY, CHECKED, &["--all-targets"], &selected, DENY].concat())?;
    }
    Ok(())
}

/// Checks the lints of the handlers and of the default guest, compiled as components.
pub fn lint_components() -> Result<()> {
    targets::install()?;
    // The default guest does without the standard library, which other handlers enable in the crates that they share.
    for names in [
        &[HANDLERS, LIBRARY].concat()[..],
        &["belljar-default-guest"],
    ] {
        let selected = packages::named(names);
        cargo(&[CLIPPY, COMPONENT, &selected, DENY].concat())?;
    }
    Ok(())
}

/// Builds the API documentation. Warnings, such as broken links, are errors.
pub fn document() -> Result<()> {
    for selected in [packages::server(), packages::library()] {
        cargo(&[DOC, CHECKED, &selected].concat())?;
    }
    Ok(())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    println!("== cargo {}", arguments.join(" "));
    let mut cargo = workspace::cargo();
    call(cargo.args(arguments).env("RUSTDOCFLAGS", "-Dwarnings"))
}

const CHECKED: &[&str] = &["--profile", "checked"];

const CLIPPY: &[&str] = &["clippy"];

const COMPONENT: &[&str] = &["--profile", "guest", "--target", "wasm32-wasip2"];

const DENY: &[&str] = &["--", "-D", "warnings"];

/// No package has examples in cargo's sense. With `--examples` cargo enables the features that tests need, as it does
/// for the lints, and so uses the dependencies that were compiled for them.
const DOC: &[&str] = &["doc", "--no-deps", "--lib", "--examples"];
