//! Builds Rust's standard library for a target from its sources, and installs it into the toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow};
use xtask::workspace;

use crate::process::call;
use crate::rust_toolchain::Toolchain;
use crate::sources::{LIBC_FILES, Sources};

/// Builds and installs the standard library for each target.
pub fn build(toolchain: &Toolchain, sources: &Sources, targets: &[&str]) -> Result<()> {
    // Side by side: the crates of the standard library depend on each other in one line, so that one target keeps
    // little more than one processor busy.
    thread::scope(|scope| {
        let builds: Vec<_> = targets
            .iter()
            .map(|target| scope.spawn(move || build_one(toolchain, sources, target)))
            .collect();
        builds.into_iter().try_for_each(|build| {
            build
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a build of the standard library panicked")))
        })
    })
}

fn build_one(toolchain: &Toolchain, sources: &Sources, target: &str) -> Result<()> {
    let libc = sources.libc(target)?;
    let built = compile(toolchain, sources, target, &libc)?;
    let folder = toolchain.libraries(target);
    install(&built, &libc, &folder)
        .with_context(|| format!("cannot install into {}", folder.display()))?;
    println!("installed {target} for rustc {}", toolchain.version);
    Ok(())
}

/// Compiles as Rust's own build does, but with the stable compiler. Returns the folder with the libraries.
fn compile(toolchain: &Toolchain, sources: &Sources, target: &str, libc: &Path) -> Result<PathBuf> {
    let products = sources.work.0.join(format!("target-{target}"));
    let flags = [
        "-Zforce-unstable-if-unmarked".to_owned(),
        "-Cembed-bitcode=yes".to_owned(),
        format!("-Lnative={}", libc.display()),
        // Panic messages then name the sources as they do in the libraries that rustup installs.
        format!(
            "--remap-path-prefix={}=/rustc/{}/library",
            sources.library.display(),
            toolchain.commit
        ),
    ];
    let mut cargo = workspace::cargo();
    cargo
        .args([
            "build",
            "--quiet",
            "--release",
            "--features",
            "panic-unwind,backtrace",
            "--target",
            target,
        ])
        .arg("--manifest-path")
        .arg(sources.library.join("sysroot/Cargo.toml"))
        .current_dir(&sources.work.0)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_DEFAULT_LIB_METADATA", "stablestd")
        .env("CARGO_TARGET_DIR", &products)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    call(&mut cargo).with_context(|| format!("cannot build the standard library for {target}"))?;
    Ok(products.join(target).join("release/deps"))
}

/// Copies libstd last: its presence means that the target is installed, so an installation that was interrupted must
/// not have it.
fn install(built: &Path, libc: &Path, folder: &Path) -> Result<()> {
    let start_files = folder.join("self-contained");
    fs::create_dir_all(&start_files)?;
    for file in LIBC_FILES {
        fs::copy(libc.join(file), start_files.join(file))?;
    }
    let mut libraries = Vec::new();
    for entry in built.read_dir()? {
        let name = entry?.file_name();
        if Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "rlib")
        {
            libraries.push(name);
        }
    }
    libraries.sort_by_key(|name| name.to_string_lossy().starts_with("libstd-"));
    for name in libraries {
        fs::copy(built.join(&name), folder.join(&name))?;
    }
    Ok(())
}
