//! The stores that a process has open: those who name one file share it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context, bail};

use super::database::Database;

/// The open stores by their files. Each is closed when the last who uses it lets it go.
#[derive(Debug, Default)]
pub struct Databases {
    open: Mutex<HashMap<PathBuf, OpenDatabase>>,
}

#[derive(Debug)]
struct OpenDatabase {
    database: Weak<Database>,
    /// Disconnected once the file is closed, which is a while after the last use.
    closed: Receiver<()>,
}

impl Databases {
    /// The store in this file, opened or made as [`Database::open`] does if it is not open.
    ///
    /// Waits for a store that is being closed; to be called where that is no harm.
    ///
    /// # Errors
    ///
    /// As [`Database::open`] has them.
    pub fn open(&self, path: &Path) -> anyhow::Result<Arc<Database>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Without its folder there is no store; `open` says so.
        let key = canonical(path).unwrap_or_else(|_| path.to_owned());
        if let Some(entry) = open.get(&key) {
            if let Some(database) = entry.database.upgrade() {
                return Ok(database);
            }
            if let Err(RecvTimeoutError::Timeout) = entry.closed.recv_timeout(CLOSE_TIMEOUT) {
                bail!(
                    "the store {} cannot be opened: it is still being closed after its last use; try again",
                    path.display()
                );
            }
        }
        let (signal, closed) = mpsc::channel();
        let database = Arc::new(Database::open_with_signal(path, signal)?);
        let key = canonical(path).with_context(|| {
            format!(
                "the path of the store {} cannot be resolved",
                path.display()
            )
        })?;
        open.retain(|_, entry| entry.database.strong_count() > 0);
        open.insert(
            key,
            OpenDatabase {
                database: Arc::downgrade(&database),
                closed,
            },
        );
        Ok(database)
    }
}

/// The file's path without links; of one that is not there, by its folder.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    if let Ok(canonical) = path.canonicalize() {
        return Ok(canonical);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    Ok(folder.canonicalize()?.join(name))
}

/// For the last change to reach the disk.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_opened_once_under_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        let databases = Databases::default();
        let first = databases.open(&folder.path().join("store")).unwrap();
        let other_name = folder.path().join("sub/../store");
        let second = databases.open(&other_name).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let other = databases.open(&folder.path().join("other")).unwrap();
        assert!(!Arc::ptr_eq(&first, &other));
        // Another opener finds the file in use, until all here are gone.
        assert!(Database::check(&other_name).is_err());
        drop((first, second));
        Database::check(&other_name).unwrap();
        databases.open(&other_name).unwrap();
    }

    #[test]
    fn a_store_that_is_being_closed_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let databases = Databases::default();
        for _ in 0..20 {
            let database = databases.open(&path).unwrap();
            let (ready, go) = mpsc::channel();
            let closing = std::thread::spawn(move || {
                ready.send(()).unwrap();
                drop(database);
            });
            go.recv().unwrap();
            databases.open(&path).unwrap();
            closing.join().unwrap();
        }
    }
}
