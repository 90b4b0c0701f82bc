//! Installs the Rust targets that components are built for.
//!
//! A missing target is installed in the first of three ways that works: by rustup; from an archive of sources in the
//! folder that `WASM_STD` names; from the source packages of the distribution. The last two build the standard library
//! for the toolchain in use (see [`library`]).

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::call;
use crate::rust_toolchain::Toolchain;
use crate::sources::Sources;
use crate::{apt, library};

/// Installs the targets that are missing, and prints how it does so.
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

    println!("trying rustup target add:");
    // rustup succeeds without adding anything to this toolchain if its default is another one.
    match call(
        Command::new("rustup")
            .args(["target", "add"])
            .args(&missing),
    ) {
        Ok(()) if missing.iter().all(|target| toolchain.has(target)) => return Ok(()),
        Ok(()) => println!(
            "rustup added the targets to another toolchain than {}",
            toolchain.sysroot.display()
        ),
        Err(error) => println!("{error:#}"),
    }

    let sources = match archive(&toolchain)? {
        Some(archive) => {
            println!(
                "building the standard library from {}, which takes a minute or two:",
                archive.display()
            );
            Sources::unpack(&archive)?
        }
        None => {
            println!(
                "building the standard library from the distribution's source packages, which takes a minute or two:"
            );
            apt::sources(&toolchain).context(CANNOT_INSTALL)?
        }
    };
    library::build(&toolchain, &sources, &missing)
}

/// The source archive for this toolchain, in the folder that `WASM_STD` names.
fn archive(toolchain: &Toolchain) -> Result<Option<PathBuf>> {
    let Some(folder) = env::var_os("WASM_STD") else {
        println!(
            "the variable WASM_STD is not set, so there is no archive of sources to build from"
        );
        return Ok(None);
    };
    let archive = Path::new(&folder).join(format!("wasm-std-{}.tar.xz", toolchain.version));
    if !archive.is_file() {
        println!("{} does not exist", archive.display());
        return Ok(None);
    }
    Ok(Some(archive))
}

const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

const CANNOT_INSTALL: &str = "cannot install the WebAssembly targets: connect to the internet and run \
    `rustup target add wasm32-wasip1 wasm32-wasip2`, or set WASM_STD to a folder with the standard library's sources \
    for this rustc";
