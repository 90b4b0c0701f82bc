//! The open databases of the process. Handlers with the same file share one database.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context, bail};

use super::database::Database;
use crate::wasi::links::Links;

/// The open databases by the paths of their files. A database is closed when its last user drops it.
#[derive(Debug, Default)]
pub struct Databases {
    open: Mutex<HashMap<PathBuf, OpenDatabase>>,
}

#[derive(Debug)]
struct OpenDatabase {
    database: Weak<Database>,
    /// Disconnected when the file is closed, some time after the last user drops the database.
    closed: Receiver<()>,
}

impl Databases {
    /// The database in this file. Opens or creates the file like [`Database::open`], unless the database is open.
    ///
    /// This blocks up to 10 s if the database is being closed, so do not call it on an async thread.
    ///
    /// # Errors
    ///
    /// The same as for [`Database::open`], and if the database is not closed in time.
    pub fn open(&self, path: &Path, links: Links) -> anyhow::Result<Arc<Database>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // This fails if the folder does not exist. `open` below reports that.
        let key = canonical(path).unwrap_or_else(|_| path.to_owned());
        if links == Links::Refuse && key != path {
            bail!(
                "the store {} cannot be opened: a symbolic link in its path was made meanwhile; remove the link",
                path.display()
            );
        }
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
        let database = Arc::new(Database::open_with_signal(path, links, signal)?);
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

/// The canonical path of a file. If the file does not exist, only its folder is made canonical.
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

/// The most time that closing a database may take: the last changes must reach the disk.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_a_file_once_for_all_its_paths() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        let databases = Databases::default();
        let first = databases
            .open(&folder.path().join("store"), Links::Follow)
            .unwrap();
        let other_path = folder.path().join("sub/../store");
        let second = databases.open(&other_path, Links::Follow).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let other = databases
            .open(&folder.path().join("other"), Links::Follow)
            .unwrap();
        assert!(!Arc::ptr_eq(&first, &other));
        // The file is in use until the last handle is dropped.
        assert!(Database::check(&other_path, Links::Follow).is_err());
        drop((first, second));
        Database::check(&other_path, Links::Follow).unwrap();
        databases.open(&other_path, Links::Follow).unwrap();
    }

    #[test]
    fn waits_for_a_database_that_is_being_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let databases = Databases::default();
        for _ in 0..20 {
            let database = databases.open(&path, Links::Follow).unwrap();
            let (ready, go) = mpsc::channel();
            let closing = std::thread::spawn(move || {
                ready.send(()).unwrap();
                drop(database);
            });
            go.recv().unwrap();
            databases.open(&path, Links::Follow).unwrap();
            closing.join().unwrap();
        }
    }
}
