//! `cargo xtask package`: the crates for crates.io, packaged, and then built and run without this repository.
//!
//! `cargo publish --dry-run` does the same in the profile `dev`, for which it would compile wasmtime once more. Here the packaged
//! crates use the dependencies that the tests have compiled.

mod scratch;
mod try_out;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::workspace;

use crate::packages::PUBLISHED;
use crate::process::call;
use crate::sources::WorkFolder;
use crate::targets;

/// Fails if a packaged crate lacks a file, or if the program or a handler built from packaged crates does not answer.
pub fn run() -> Result<()> {
    targets::install()?;
    println!("== packaging {}", PUBLISHED.join(", "));
    // Outside of the repository, so that no path can lead back into it.
    let work = WorkFolder::new()?;
    let crates = pack(&work.0)?;

    println!("== building the packaged crates in {}", crates.display());
    scratch::server(&crates)?;
    build(&crates, &work.0, SERVER)?;
    let handler = scratch::handler(&work.0, &crates)?;
    build(&handler, &work.0, HANDLER)?;

    let products = work.0.join("target");
    try_out::run(
        &products.join("checked/belljar"),
        &products.join("wasm32-wasip2/guest/handler.wasm"),
        &work.0,
    )
}

/// Packages the crates and unpacks them into a folder, as `NAME-VERSION`.
fn pack(work: &Path) -> Result<PathBuf> {
    let crates = work.join("crates");
    std::fs::create_dir(&crates)?;
    let mut cargo = workspace::cargo();
    cargo
        .args([
            "package",
            "--quiet",
            "--no-verify",
            "--allow-dirty",
            "--offline",
        ])
        .args(PUBLISHED.iter().flat_map(|name| ["--package", name]))
        .arg("--target-dir")
        .arg(work.join("target"));
    call(&mut cargo)?;
    for name in PUBLISHED {
        let file = work.join(format!("target/package/{}.crate", versioned(name)));
        let mut tar = Command::new("tar");
        // `m` gives the files the current time. In packages all have the same one, by which cargo would take what it compiled of
        // an earlier package for current.
        tar.arg("-xmzf").arg(&file).arg("-C").arg(&crates);
        call(&mut tar).with_context(|| format!("cannot unpack {}", file.display()))?;
    }
    Ok(crates)
}

/// Builds in a folder, with the intermediate products of the repository and the results in `work`.
fn build(folder: &Path, work: &Path, arguments: &[&str]) -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo
        .args(["build", "--quiet", "--offline"])
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", work.join("target"))
        .env("CARGO_BUILD_BUILD_DIR", workspace::target_dir());
    call(&mut cargo)
}

/// The name of a packaged crate's folder. All crates have the version of this one.
fn versioned(name: &str) -> String {
    format!("{name}-{}", env!("CARGO_PKG_VERSION"))
}

/// With `--examples` cargo enables the features that tests need, and so uses the dependencies that were compiled for them.
const SERVER: &[&str] = &[
    "--profile",
    "checked",
    "--workspace",
    "--lib",
    "--bins",
    "--examples",
];

const HANDLER: &[&str] = &["--profile", "guest", "--target", "wasm32-wasip2"];
