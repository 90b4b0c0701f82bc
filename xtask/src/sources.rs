//! The sources of Rust's standard library, with the wasi-libc that it links.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context, Result, bail};

use crate::process::call;

pub struct Sources {
    /// Rust's `library` folder, of the same version as the toolchain.
    pub library: PathBuf,
    /// A folder that holds a folder for each target, with wasi-libc's `libc.a` and start files.
    pub libc: PathBuf,
    /// Where the build may write.
    pub work: WorkFolder,
}

impl Sources {
    /// Unpacks an archive that holds `library/` and `wasi-libc/TARGET/`.
    pub fn unpack(archive: &Path) -> Result<Sources> {
        let work = WorkFolder::new()?;
        call(
            Command::new("tar")
                .arg("-xf")
                .arg(archive)
                .arg("-C")
                .arg(&work.0),
        )
        .with_context(|| format!("cannot unpack {}; tar and xz are needed", archive.display()))?;
        Ok(Sources {
            library: work.0.join("library"),
            libc: work.0.join("wasi-libc"),
            work,
        })
    }

    /// The folder of wasi-libc for a target. Older packages call wasm32-wasip1 wasm32-wasi.
    pub fn libc(&self, target: &str) -> Result<PathBuf> {
        let names: &[&str] = if target == "wasm32-wasip1" {
            &[target, "wasm32-wasi"]
        } else {
            &[target]
        };
        let mut folders = names.iter().map(|name| self.libc.join(name));
        match folders.find(|folder| LIBC_FILES.iter().all(|file| folder.join(file).is_file())) {
            Some(folder) => Ok(folder),
            None => bail!("no wasi-libc for {target} in {}", self.libc.display()),
        }
    }
}

/// A temporary folder, removed when the value is dropped.
pub struct WorkFolder(pub PathBuf);

impl WorkFolder {
    pub fn new() -> Result<WorkFolder> {
        let folder = env::temp_dir().join(format!("belljar-setup-{}", process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(WorkFolder(folder))
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The files of wasi-libc that a target needs.
pub const LIBC_FILES: [&str; 3] = ["libc.a", "crt1-command.o", "crt1-reactor.o"];
