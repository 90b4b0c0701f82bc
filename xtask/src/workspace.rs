//! The paths of the repository and its build products.

use std::env;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

/// The repository's top folder.
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The folder of cargo's build products: `CARGO_TARGET_DIR` if that is set, or else `target` in the repository.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => absolute(&folder).unwrap_or_else(|_| folder.into()),
        None => root().join("target"),
    }
}

/// A command for the cargo that runs this program, in the repository's top folder.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    // What `cargo run` tells this program about its own package. Some build scripts read the variables of theirs by these
    // names, and would run again, with all that depends on them, after a command by hand.
    for (name, _) in env::vars_os() {
        let shown = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|start| shown.starts_with(start))
        {
            cargo.env_remove(&name);
        }
    }
    // A relative path counts from the caller's folder, but this cargo runs in another one.
    if env::var_os("CARGO_TARGET_DIR").is_some() {
        cargo.env("CARGO_TARGET_DIR", target_dir());
    }
    cargo
}
