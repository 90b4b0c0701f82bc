//! `cargo component build`, the other way to build a component from Rust.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::workspace;

use crate::process::{call, output};
use crate::targets;

/// Builds examples/hello with cargo-component, which is installed first if it is missing.
pub fn hello() -> Result<()> {
    targets::install()?;
    install()?;
    println!("== building examples/hello with cargo-component");
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

/// Installs cargo-component into the target folder, where it does not affect the user's own programs.
pub fn install() -> Result<()> {
    let program = root().join("bin/cargo-component");
    let found = output(Command::new(&program).arg("--version"));
    if found.is_some_and(|version| version.split(' ').any(|word| word == VERSION)) {
        return Ok(());
    }
    println!("== installing cargo-component {VERSION}, which takes some minutes");
    let mut cargo = workspace::cargo();
    // Without optimization and debug information: the build takes far longer than the few runs of the program. Yet it is the
    // profile `release`, so that the command in docs/handlers.md finds the program installed.
    cargo
        .args([
            "install",
            "--quiet",
            "--locked",
            "cargo-component",
            "--version",
            VERSION,
        ])
        .arg("--root")
        .arg(root())
        .arg("--target-dir")
        .arg(root().join("target"))
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256")
        .env("CARGO_INCREMENTAL", "0");
    call(&mut cargo)
        .context("cannot install cargo-component from crates.io; check the internet connection")
}

fn root() -> PathBuf {
    workspace::target_dir().join("tools")
}

/// The PATH with `folder` first, where cargo looks first for the program of a subcommand.
fn path_with(folder: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()]
        .into_iter()
        .chain(env::split_paths(&path));
    env::join_paths(folders).context("cannot put the target folder on the PATH")
}

const VERSION: &str = "0.21.1";
