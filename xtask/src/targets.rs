//! The Rust targets that components are built for.
//!
//! Where they are missing there are three ways to them, tried in this order: rustup; an archive of sources in the
//! folder that `WASM_STD` names; the distribution's packages of sources. The last two build the standard library
//! for the toolchain in use (see [`library`]).

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::library::{self, Sources};
use crate::{apt, call, output};

/// Installs the targets that are missing, and says how.
pub fn install() -> Result<()> {
    let toolchain = Toolchain::active()?;
    let missing: Vec<&str> = TARGETS
        .into_iter()
        .filter(|target| !toolchain.has(target))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!(
        "== installing {} for rustc {}",
        missing.join(" and "),
        toolchain.version
    );

    println!("by rustup target add:");
    // rustup ends well and adds nothing where another toolchain than the active one is its default.
    match call(
        Command::new("rustup")
            .args(["target", "add"])
            .args(&missing),
    ) {
        Ok(()) if missing.iter().all(|target| toolchain.has(target)) => return Ok(()),
        Ok(()) => println!(
            "rustup serves another toolchain than {}",
            toolchain.sysroot.display()
        ),
        Err(error) => println!("{error:#}"),
    }

    let sources = match archive(&toolchain)? {
        Some(archive) => {
            println!(
                "by building the standard library from {}, in a minute or two:",
                archive.display()
            );
            Sources::unpack(&archive)?
        }
        None => {
            println!(
                "by building the standard library from the distribution's sources, in a minute or two:"
            );
            apt::sources(&toolchain).context(NO_WAY)?
        }
    };
    library::build(&toolchain, &sources, &missing)
}

/// The source archive for this toolchain, in the folder that `WASM_STD` names.
fn archive(toolchain: &Toolchain) -> Result<Option<PathBuf>> {
    let Some(folder) = env::var_os("WASM_STD") else {
        println!("WASM_STD names no folder with the standard library's sources");
        return Ok(None);
    };
    let archive = Path::new(&folder).join(format!("wasm-std-{}.tar.xz", toolchain.version));
    if !archive.is_file() {
        println!("there is no {}", archive.display());
        return Ok(None);
    }
    Ok(Some(archive))
}

/// The toolchain that cargo uses in this repository.
pub struct Toolchain {
    /// Such as `1.95.0`.
    pub version: String,
    /// The commit it was built of, in hex; empty where rustc does not know it.
    pub commit: String,
    pub sysroot: PathBuf,
}

impl Toolchain {
    fn active() -> Result<Toolchain> {
        let rustc = || Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        let Some(sysroot) = output(rustc().args(["--print", "sysroot"])) else {
            bail!(
                "rustc does not run. Install Rust, by https://rustup.rs or from your distribution, and try again"
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

    /// Where the libraries of a target are, installed or not.
    pub fn libraries(&self, target: &str) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(target).join("lib")
    }

    fn has(&self, target: &str) -> bool {
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

const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

const NO_WAY: &str = "no way to the WebAssembly targets: give rustup a connection and run \
    `rustup target add wasm32-wasip1 wasm32-wasip2`, or name in WASM_STD a folder that holds the standard library's \
    sources for this rustc";
