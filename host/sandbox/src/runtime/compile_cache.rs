//! The compile cache: a folder of compiled components.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wasmtime::{Cache, CacheConfig};

/// A folder of compiled components, keyed by the component and the compiler settings.
///
/// Its files run without a further check, so belljar uses no folder that other users can write to.
pub(crate) struct CompileCache {
    path: PathBuf,
    cache: Cache,
    /// Whether the folder is removed when this process ends.
    temporary: bool,
}

impl CompileCache {
    /// Opens the user's cache folder, or else a temporary one for the life of this process.
    pub fn open() -> Option<Self> {
        Self::lasting()
            .or_else(|error| {
                tracing::warn!("compiled components are cached only until the server ends: {error:#}");
                Self::temporary()
            })
            .inspect_err(|error| tracing::warn!("compiled components are not cached: {error:#}; set XDG_CACHE_HOME to a folder that this user owns"))
            .ok()
    }

    /// Uses a folder that another process [opened](Self::open).
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

    /// Removes the folder if it is temporary.
    pub fn close(&self) {
        if self.temporary {
            // The system cleans up files that are left in its folder for temporary files.
            let _ = fs::remove_dir_all(&self.path);
        }
    }

    fn lasting() -> anyhow::Result<Self> {
        let base = dirs::cache_dir()
            .context("this user has no cache folder (set XDG_CACHE_HOME or HOME)")?;
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
            "other users can access {} (run `chmod 700` on it, or remove it)",
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

impl Drop for CompileCache {
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
