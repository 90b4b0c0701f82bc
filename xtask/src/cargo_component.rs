//! The other way to a component: `cargo component build`, which people ask for by name.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::workspace;

use crate::{call, output, targets};

/// Builds examples/hello by cargo-component, which is installed first where it is not there yet.
pub fn hello() -> Result<()> {
    targets::install()?;
    install()?;
    println!("== building examples/hello by cargo-component");
    let mut cargo = workspace::cargo();
    cargo
        .args([
            "component",
            "build",
            "--profile",
            "guest",
            "--package",
            "hello",
        ])
        .env("PATH", path_with(&root().join("bin"))?);
    call(&mut cargo)
}

/// Into the target folder, so that it is built once and disturbs no other of the user's.
fn install() -> Result<()> {
    let program = root().join("bin/cargo-component");
    let there = output(Command::new(&program).arg("--version"));
    if there.is_some_and(|version| version.split(' ').any(|word| word == VERSION)) {
        return Ok(());
    }
    println!("== installing cargo-component {VERSION}, in some minutes");
    let mut cargo = workspace::cargo();
    // Without optimisation: it is built for longer than it runs.
    cargo
        .args([
            "install",
            "--debug",
            "--locked",
            "cargo-component",
            "--version",
            VERSION,
        ])
        .arg("--root")
        .arg(root())
        .arg("--target-dir")
        .arg(root().join("target"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    call(&mut cargo).context("cargo-component comes from crates.io: is there a connection?")
}

fn root() -> PathBuf {
    workspace::target_dir().join("tools")
}

/// Where cargo looks for a command of that name before it looks elsewhere.
fn path_with(folder: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()]
        .into_iter()
        .chain(env::split_paths(&path));
    env::join_paths(folders).context("the target folder's path cannot be part of PATH")
}

const VERSION: &str = "0.21.1";
