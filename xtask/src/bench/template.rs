//! The handler that `belljar new --lang rust` writes, built as the printed steps say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::workspace;

use crate::process::call;

/// Writes the project with a build of belljar into `folder`, builds it, and returns the component. Returns `None`, and
/// prints why, if that fails: an older build may not have the command.
pub fn build(belljar: &Path, folder: &Path) -> Option<PathBuf> {
    println!(
        "== building the handler that {} new writes",
        belljar.display()
    );
    try_build(belljar, folder)
        .inspect_err(|error| println!("{error:#}"))
        .ok()
}

fn try_build(belljar: &Path, folder: &Path) -> Result<PathBuf> {
    let project = folder.join(NAME);
    // belljar leaves existing folders alone, and the template may have changed.
    if project.exists() {
        fs::remove_dir_all(&project)
            .with_context(|| format!("cannot remove {}", project.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut new = Command::new(belljar);
    call(
        new.args(["new", NAME, "--lang", "rust"])
            .current_dir(folder),
    )?;
    let products = folder.join("build");
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release", "--target", TARGET]);
    // Outside of the project, so that its dependencies are compiled once for all runs.
    cargo
        .current_dir(&project)
        .env("CARGO_TARGET_DIR", &products);
    call(&mut cargo).with_context(|| format!("cannot build {}", project.display()))?;
    Ok(products
        .join(TARGET)
        .join("release")
        .join(NAME)
        .with_extension("wasm"))
}

/// The name of the work that measures the handler.
pub const WORK: &str = "template";

const NAME: &str = "handler";

const TARGET: &str = "wasm32-wasip2";
