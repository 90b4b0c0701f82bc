//! The Rust toolchain that cargo uses in this repository.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process::output;

pub struct Toolchain {
    /// Such as `1.95.0`.
    pub version: String,
    /// The commit that the compiler was built from, in hex; empty if rustc does not print it.
    pub commit: String,
    pub sysroot: PathBuf,
}

impl Toolchain {
    /// # Errors
    ///
    /// Fails if rustc cannot be run.
    pub fn active() -> Result<Toolchain> {
        let rustc = || Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        let Some(sysroot) = output(rustc().args(["--print", "sysroot"])) else {
            bail!(
                "rustc does not run: install Rust from https://rustup.rs or from your distribution, and try again"
            );
        };
        let about = output(rustc().arg("-vV")).unwrap_or_default();
        let field = |name| {
            about
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
                .to_owned()
        };
        let commit = field("commit-hash: ");
        Ok(Toolchain {
            version: field("release: "),
            commit: if commit == "unknown" {
                String::new()
            } else {
                commit
            },
            sysroot: sysroot.into(),
        })
    }

    /// The folder for a target's libraries, whether they are installed or not.
    pub fn libraries(&self, target: &str) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(target).join("lib")
    }

    /// Whether the standard library for a target is installed.
    pub fn has(&self, target: &str) -> bool {
        let Ok(entries) = self.libraries(target).read_dir() else {
            return false;
        };
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        })
    }
}
