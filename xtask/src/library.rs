//! Builds Rust's standard library for a target, from its sources, and puts it into the toolchain.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context, Result, bail};
use xtask::workspace;

use crate::call;
use crate::targets::Toolchain;

/// What the standard library is built of.
pub struct Sources {
    /// Rust's `library` folder, of the same version as the toolchain.
    pub library: PathBuf,
    /// A folder for each target with wasi-libc's `libc.a` and start files, under the names given by [`Sources::libc`].
    pub libc: PathBuf,
    /// Where the build may write.
    pub work: Work,
}

impl Sources {
    /// From an archive that holds `library/` and `wasi-libc/TARGET/`.
    pub fn unpack(archive: &Path) -> Result<Sources> {
        let work = Work::new()?;
        call(
            Command::new("tar")
                .arg("-xf")
                .arg(archive)
                .arg("-C")
                .arg(&work.0),
        )
        .context("unpacking it needs tar and xz")?;
        Ok(Sources {
            library: work.0.join("library"),
            libc: work.0.join("wasi-libc"),
            work,
        })
    }

    /// The folder of wasi-libc for a target. Older packages know wasm32-wasip1 as wasm32-wasi.
    fn libc(&self, target: &str) -> Result<PathBuf> {
        let names: &[&str] = if target == "wasm32-wasip1" {
            &[target, "wasm32-wasi"]
        } else {
            &[target]
        };
        let mut folders = names.iter().map(|name| self.libc.join(name));
        match folders.find(|folder| LIBC_FILES.iter().all(|file| folder.join(file).is_file())) {
            Some(folder) => Ok(folder),
            None => bail!(
                "there is no wasi-libc for {target} in {}",
                self.libc.display()
            ),
        }
    }
}

/// Builds and installs each target.
pub fn build(toolchain: &Toolchain, sources: &Sources, targets: &[&str]) -> Result<()> {
    for target in targets {
        let libc = sources.libc(target)?;
        let built = compile(toolchain, sources, target, &libc)?;
        let folder = toolchain.libraries(target);
        install(&built, &libc, &folder)
            .with_context(|| format!("cannot install into {}", folder.display()))?;
        println!("installed {target} for rustc {}", toolchain.version);
    }
    Ok(())
}

/// As Rust's own build does it, on the stable compiler. Returns the folder with the libraries.
fn compile(toolchain: &Toolchain, sources: &Sources, target: &str, libc: &Path) -> Result<PathBuf> {
    let products = sources.work.0.join("target");
    let flags = [
        "-Zforce-unstable-if-unmarked".to_owned(),
        "-Cembed-bitcode=yes".to_owned(),
        format!("-Lnative={}", libc.display()),
        // The name that rustup's own libraries give to their sources in panic messages.
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
    call(&mut cargo)
        .with_context(|| format!("the standard library for {target} does not build"))?;
    Ok(products.join(target).join("release/deps"))
}

/// Copies libstd last: it is the mark of a target that is installed, and an installation cut short has none.
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

/// A folder for the time of the build.
pub struct Work(pub PathBuf);

impl Work {
    pub fn new() -> Result<Work> {
        let folder = env::temp_dir().join(format!("belljar-setup-{}", process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Work(folder))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const LIBC_FILES: [&str; 3] = ["libc.a", "crt1-command.o", "crt1-reactor.o"];
