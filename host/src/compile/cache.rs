//! The compile cache: a folder of artefacts, each in a file that is named by its key.
//!
//! The code in these files runs outside of any sandbox. So belljar uses no folder and no file that other users can write, and
//! ignores a file that was cut short or damaged.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use anyhow::Context;
use belljar_sandbox::ArtefactKey;
use sha2::{Digest, Sha256};

/// The folder, and how much it may hold.
pub(super) struct CompileCache {
    folder: PathBuf,
    /// Maximum size of all files together, in bytes.
    most: u64,
    /// Whether the folder is removed when this process ends.
    temporary: bool,
    /// Numbers the files that are being written.
    writes: AtomicU64,
}

impl CompileCache {
    /// Opens the user's cache folder, or else a temporary one for the life of this process. It holds `most` bytes.
    pub fn open(most: u64) -> Option<Self> {
        Self::lasting(most)
            .or_else(|error| {
                tracing::warn!("compiled components are cached only until the server ends: {error:#}");
                Self::temporary(most)
            })
            .inspect_err(|error| tracing::warn!("compiled components are not cached: {error:#}; set XDG_CACHE_HOME to a folder that this user owns"))
            .ok()
    }

    /// The folder, and whether it is temporary.
    pub fn folder(&self) -> (&Path, bool) {
        (&self.folder, self.temporary)
    }

    /// The artefact of this key. None if there is none, or if its file cannot be trusted.
    pub fn get(&self, key: ArtefactKey) -> Option<Vec<u8>> {
        let path = self.path(key);
        let found = read(&path, key);
        let found = found
            .inspect_err(|error| {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(
                        "the compiled component {} is not used: {error}; it is compiled again",
                        path.display()
                    );
                }
            })
            .ok()?;
        Some(found)
    }

    /// Keeps an artefact. If that fails, the component is compiled again when it is loaded next.
    pub fn put(&self, key: ArtefactKey, artefact: &[u8]) {
        if let Err(error) = self.try_put(key, artefact) {
            tracing::warn!(
                "a compiled component is not cached: cannot write to {}: {error}; free space there, or set XDG_CACHE_HOME \
                 to another folder",
                self.folder.display()
            );
        }
    }

    /// Removes the folder if it is temporary.
    pub fn close(&self) {
        if self.temporary {
            // The system cleans up files that are left in its folder for temporary files.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    fn try_put(&self, key: ArtefactKey, artefact: &[u8]) -> io::Result<()> {
        let size = (artefact.len() + DIGEST) as u64;
        if size > self.most {
            return Ok(());
        }
        self.make_room(self.most - size)?;
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}.{WRITING}", std::process::id());
        let temporary = self.folder.join(name);
        let written = write(&temporary, key, artefact)
            // Readers see the whole file or none.
            .and_then(|()| fs::rename(&temporary, self.path(key)));
        written.inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })
    }

    /// Removes the files that were not used for longest, until all together have `most` bytes or less.
    fn make_room(&self, most: u64) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let path = entry.path();
            let is_ours = path
                .extension()
                .is_some_and(|extension| extension == ARTEFACT || extension == WRITING);
            // Another process may remove the file meanwhile.
            if let (true, Ok(metadata)) = (is_ours, entry.metadata()) {
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((used, metadata.len(), path));
            }
        }
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        files.sort();
        for (_, size, path) in files {
            if total <= most {
                break;
            }
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => total -= size,
            }
        }
        Ok(())
    }

    fn path(&self, key: ArtefactKey) -> PathBuf {
        let name: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name).with_extension(ARTEFACT)
    }

    fn lasting(most: u64) -> anyhow::Result<Self> {
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
            is_private(&fs::symlink_metadata(&folder)?),
            "other users can access {} (run `chmod 700` on it, or remove it)",
            folder.display()
        );
        Ok(Self::at(folder, most, false))
    }

    fn temporary(most: u64) -> anyhow::Result<Self> {
        use std::hash::{BuildHasher, RandomState};
        let unguessable = RandomState::new().hash_one(std::process::id());
        let folder = std::env::temp_dir().join(format!("belljar-{unguessable:016x}"));
        create_private(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self::at(folder, most, true))
    }

    fn at(folder: PathBuf, most: u64, temporary: bool) -> Self {
        Self {
            folder,
            most,
            temporary,
            writes: AtomicU64::new(0),
        }
    }
}

impl Drop for CompileCache {
    fn drop(&mut self) {
        self.close();
    }
}

/// Writes an artefact with its digest in front.
fn write(path: &Path, key: ArtefactKey, artefact: &[u8]) -> io::Result<()> {
    let mut file = create_new(path)?;
    file.write_all(&digest(key, artefact))?;
    file.write_all(artefact)
}

fn read(path: &Path, key: ArtefactKey) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let metadata = file.metadata()?;
    if !is_trusted(&metadata) {
        return Err(io::Error::other("other users can write to it"));
    }
    let mut expected = [0; DIGEST];
    // Exactly, because a vector that grows takes up to twice as much.
    let size = metadata.len().saturating_sub(DIGEST as u64);
    let mut artefact = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    let damaged = || io::Error::other("it is damaged");
    file.read_exact(&mut expected).map_err(|_| damaged())?;
    file.read_to_end(&mut artefact)?;
    if digest(key, &artefact) != expected {
        return Err(damaged());
    }
    // The time of the last use decides which files are removed first. Without permission it is the time of writing.
    let _ = file.set_modified(SystemTime::now());
    Ok(artefact)
}

/// The digest covers the key, so that a file under another name is refused.
fn digest(key: ArtefactKey, artefact: &[u8]) -> [u8; DIGEST] {
    let mut digest = Sha256::new();
    digest.update(key.0);
    digest.update(artefact);
    digest.finalize().into()
}

/// Bytes of the digest.
const DIGEST: usize = 32;

/// The extensions of artefacts, and of files that are being written.
const ARTEFACT: &str = "cwasm";
const WRITING: &str = "part";

#[cfg(unix)]
use unix::{create_new, create_private, is_private, is_trusted, open};

#[cfg(not(unix))]
use other::{create_new, create_private, is_private, is_trusted, open};

#[cfg(unix)]
mod unix {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
    use std::path::Path;

    use rustix::fs::OFlags;

    pub fn create_private(folder: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(folder)
    }

    pub fn is_private(folder: &Metadata) -> bool {
        folder.is_dir() && is_own(folder) && folder.mode() & 0o077 == 0
    }

    pub fn create_new(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    pub fn open(path: &Path) -> io::Result<File> {
        // A link could lead out of the folder, and a FIFO could block.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)
    }

    /// Whether only this user can have written a file.
    pub fn is_trusted(file: &Metadata) -> bool {
        file.is_file() && is_own(file) && file.mode() & 0o022 == 0
    }

    fn is_own(found: &Metadata) -> bool {
        found.uid() == rustix::process::geteuid().as_raw()
    }
}

#[cfg(not(unix))]
mod other {
    use std::fs::{self, File, Metadata};
    use std::io;
    use std::path::Path;

    pub fn create_private(folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)
    }

    pub fn is_private(folder: &Metadata) -> bool {
        folder.is_dir()
    }

    pub fn create_new(path: &Path) -> io::Result<File> {
        File::create_new(path)
    }

    pub fn open(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub fn is_trusted(file: &Metadata) -> bool {
        file.is_file()
    }
}
