//! Where compiled components are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wasmtime::{Cache, CacheConfig};

/// Compiled components, found by what was compiled and how, in a folder of this user's alone.
///
/// What lies there is run without another look, so a folder that others can write is not used.
pub(crate) struct CacheFolder {
    path: PathBuf,
    cache: Cache,
    /// Whether it is to be gone with this process.
    temporary: bool,
}

impl CacheFolder {
    /// The user's folder, or one for the life of this process.
    pub fn open() -> Option<Self> {
        Self::lasting()
            .or_else(|error| {
                tracing::warn!("compiled components are not kept: {error:#}");
                Self::temporary()
            })
            .inspect_err(|error| tracing::warn!("there is no folder to compile in: {error:#}"))
            .ok()
    }

    /// A folder that another process [opened](Self::open).
    pub fn at(path: &Path) -> anyhow::Result<Self> {
        let mut config = CacheConfig::new();
        config.with_directory(path);
        Ok(Self {
            path: path.to_owned(),
            cache: Cache::new(config)?,
            temporary: false,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Takes away what is only for this process.
    pub fn close(&self) {
        if self.temporary {
            // What stays is nobody's, and the system's to clear away.
            let _ = fs::remove_dir_all(&self.path);
        }
    }

    fn lasting() -> anyhow::Result<Self> {
        let base = dirs::cache_dir()
            .context("this user has no folder for caches (XDG_CACHE_HOME, HOME)")?;
        let folder = base.join("belljar");
        fs::create_dir_all(&base).with_context(|| format!("cannot create {}", base.display()))?;
        match create_private(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("cannot create {}", folder.display()));
            }
            _ => {}
        }
        anyhow::ensure!(
            is_private(&folder)?,
            "{} is not this user's alone (chmod 700 it, or remove it)",
            folder.display()
        );
        Self::at(&folder)
    }

    fn temporary() -> anyhow::Result<Self> {
        use std::hash::{BuildHasher, RandomState};
        let unguessable = RandomState::new().hash_one(std::process::id());
        let folder = std::env::temp_dir().join(format!("belljar-{unguessable:016x}"));
        create_private(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let mut opened = Self::at(&folder)?;
        opened.temporary = true;
        Ok(opened)
    }
}

impl Drop for CacheFolder {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(unix)]
fn create_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(unix)]
fn is_private(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(folder)?;
    Ok(found.is_dir()
        && found.uid() == rustix::process::geteuid().as_raw()
        && found.mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn create_private(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}

#[cfg(not(unix))]
fn is_private(folder: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(folder)?.is_dir())
}
