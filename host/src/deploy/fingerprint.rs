//! Notices that a file changed, from its metadata.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use crate::regular_file;

/// The metadata that differs after a file is written, replaced or renamed.
///
/// Comparing fingerprints does not read the file. Unlike change notifications, it works on network file systems and
/// container mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// In bytes.
    pub size: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: Inode,
}

/// A new file may have the size and modification time of the old one, but not its inode number and change time.
#[cfg(unix)]
#[derive(Debug, Clone, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
    changed: (i64, i64),
}

impl Fingerprint {
    /// When the file was last written. None: the file system does not know.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Returns `None` if there is no file, or if its metadata cannot be read.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path)
            .ok()
            .map(|metadata| Self::from(&metadata))
    }

    /// Reads the file. Returns `None` if the file no longer has this fingerprint after that.
    ///
    /// # Errors
    ///
    /// If it is not a regular file, or cannot be read.
    pub fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let bytes = match regular_file::read(path, self.size) {
            Ok(bytes) => bytes,
            // It grew.
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_same = Self::of(path).is_some_and(|now| now == *self);
        Ok(is_same.then_some(bytes))
    }
}

/// Identifies a folder, whatever its path. Another volume that is mounted in its place has another device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FolderId {
    /// None on systems where the device is not known.
    pub device: Option<u64>,
    #[cfg(unix)]
    number: u64,
    #[cfg(not(unix))]
    path: std::path::PathBuf,
}

impl FolderId {
    #[cfg(unix)]
    pub fn of(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(folder)?;
        Ok(Self {
            device: Some(metadata.dev()),
            number: metadata.ino(),
        })
    }

    #[cfg(not(unix))]
    pub fn of(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            device: None,
            path: folder.canonicalize()?,
        })
    }
}

impl From<&Metadata> for Fingerprint {
    fn from(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: Inode {
                device: metadata.dev(),
                number: metadata.ino(),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
            },
        }
    }
}
