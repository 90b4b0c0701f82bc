//! How a change of a file is noticed.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// What differs after a file was written, replaced or renamed. Comparing it needs no reading, and works on network
/// file systems and container mounts, where nobody tells of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub size: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    unix: Unix,
}

/// A file may be replaced by one of the same size and time, but not with the same number and time of change.
#[cfg(unix)]
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unix {
    device: u64,
    number: u64,
    changed: (i64, i64),
}

impl Fingerprint {
    /// None where nothing is there, or nothing that can be looked at.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|found| Self::from(&found))
    }

    /// The bytes of a file, if it stayed the same while it was read.
    pub fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let bytes = fs::read(path)?;
        let same = Self::of(path).is_some_and(|now| now == *self);
        Ok(same.then_some(bytes))
    }
}

impl From<&Metadata> for Fingerprint {
    fn from(found: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            size: found.len(),
            modified: found.modified().ok(),
            #[cfg(unix)]
            unix: Unix {
                device: found.dev(),
                number: found.ino(),
                changed: (found.ctime(), found.ctime_nsec()),
            },
        }
    }
}
