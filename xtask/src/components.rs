//! Builds the components that are written in Rust: the default guest, the example handlers and the test handlers.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use xtask::{digest, section, workspace};

use crate::packages::HANDLERS;
use crate::process::call;
use crate::{relink, targets};

/// Builds the default guest and writes `guest/default/guest.wasm`, which contains the digest of its sources.
pub fn guest() -> Result<()> {
    targets::install()?;
    let root = workspace::root();
    println!("== building the default guest");
    let mut cargo = workspace::cargo();
    cargo
        .args(BUILD)
        .args(["--package", "belljar-default-guest"]);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", without_paths(root));
    call(&mut cargo)?;

    // Computed after the build, which may have updated Cargo.lock.
    let sources = digest::of_sources(root)?;
    let built = artifacts().join("belljar_default_guest.wasm");
    let built = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    let mut component = relink::link_shim(&built).map_err(|error| {
        anyhow!(
            "cannot link the shim of the default guest into its main module: {error:#}; if wit-component builds it \
             differently now, change xtask/src/relink"
        )
    })?;
    section::append(&mut component, digest::SECTION, sources.as_bytes());
    let embedded = root.join("guest/default/guest.wasm");
    fs::write(&embedded, &component)
        .with_context(|| format!("cannot write {}", embedded.display()))?;
    println!(
        "wrote guest/default/guest.wasm: {} bytes, sources {sources}",
        component.len()
    );
    Ok(())
}

/// Builds the example handlers, and the handlers that only the tests use.
pub fn handlers() -> Result<()> {
    targets::install()?;
    println!("== building the handlers");
    let names = [HANDLERS, &["guestbook"]].concat();
    // One build for each handler: in a common build, a handler without the feature `std` of belljar-guest would get it
    // from one that has it.
    for name in &names {
        call(workspace::cargo().args(BUILD).args(["--package", name]))?;
    }
    println!("built {} in {}", names.join(", "), artifacts().display());
    Ok(())
}

/// The folder that holds the built components.
pub fn artifacts() -> PathBuf {
    workspace::target_dir().join("wasm32-wasip2/guest")
}

/// Compiler flags that keep the paths of the building machine out of the panic messages in the component.
fn without_paths(root: &Path) -> OsString {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let mut flags = OsString::new();
    for (folder, name) in [(Some(root.to_owned()), "belljar"), (home, "cargo")] {
        let Some(folder) = folder else { continue };
        if !flags.is_empty() {
            flags.push(SEPARATOR);
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("=/");
        flags.push(name);
    }
    flags
}

const BUILD: [&str; 5] = ["build", "--profile", "guest", "--target", "wasm32-wasip2"];

/// Separates the flags in CARGO_ENCODED_RUSTFLAGS.
const SEPARATOR: &str = "\x1f";
