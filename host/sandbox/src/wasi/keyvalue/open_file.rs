//! The open file of a store, which is opened again after an error.
//!
//! After an I/O error, such as a full disk, redb refuses every further call until the file is opened again.

use std::fmt;
use std::io::ErrorKind;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::Instant;

use super::database_file::{self, IfMissing, Location};
use super::recovery::Recovery;

/// The file of a store. After an error it is closed, and opened again for a later call.
#[derive(Debug)]
pub(super) struct OpenFile {
    location: Location,
    /// None after an error, until the file is opened again.
    database: RwLock<Option<Arc<redb::Database>>>,
    recovery: Mutex<Recovery>,
    /// Dropped after the database, which closes the file. Dropping the sender tells the receiver that the file is closed.
    _closed: Option<Sender<()>>,
}

/// Why a transaction failed.
pub(super) enum Failure {
    Error(redb::Error),
    Panic,
}

impl OpenFile {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    ///
    /// The same as for [`Database::open`](super::Database::open).
    pub fn open(location: Location, closed: Option<Sender<()>>) -> anyhow::Result<Self> {
        let database = database_file::open(&location, IfMissing::Create)?;
        Ok(Self {
            location,
            database: RwLock::new(Some(Arc::new(database))),
            recovery: Mutex::default(),
            _closed: closed,
        })
    }

    /// The database for a read. None if the file cannot be opened again yet. This may read from the disk.
    pub fn to_read(&self) -> Option<Arc<redb::Database>> {
        self.current().or_else(|| self.open_again())
    }

    /// Like [`to_read`](Self::to_read), for a change. Soon after a failed change no other is tried, because a failed change
    /// also interrupts reads.
    pub fn to_write(&self) -> Option<Arc<redb::Database>> {
        let may_write = self.recovery().may_write(Instant::now());
        if may_write { self.to_read() } else { None }
    }

    /// Notes that a change is on the disk.
    pub fn written(&self) {
        if self.recovery().end() {
            tracing::info!("the key-value store {} works again", self.shown());
        }
    }

    /// Closes the file after a transaction of `database` failed for this handler.
    pub fn failed(&self, database: &Arc<redb::Database>, failure: &Failure, handler: &str) {
        let mut current = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let is_current = |current: &Arc<_>| Arc::ptr_eq(current, database);
        if !current.as_ref().is_some_and(is_current) {
            // An earlier failure of the same database closed it.
            return;
        }
        *current = None;
        drop(current);
        if let Some(left_out) = self.recovery().failed(Instant::now()) {
            tracing::error!(
                %handler,
                "the key-value store {} failed: {failure}; {}{}",
                self.shown(),
                failure.advice(),
                count(left_out)
            );
        }
    }

    fn current(&self) -> Option<Arc<redb::Database>> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        database.clone()
    }

    /// Opens the file again. Of several threads one opens it, and the others do not wait: there may be many of them.
    fn open_again(&self) -> Option<Arc<redb::Database>> {
        let mut recovery = match self.recovery.try_lock() {
            Ok(recovery) => recovery,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if let Some(current) = self.current() {
            return Some(current);
        }
        if !recovery.may_open(Instant::now()) {
            return None;
        }
        // A store whose volume is gone must not be replaced by an empty one.
        match database_file::open(&self.location, IfMissing::Fail) {
            Ok(database) => {
                recovery.opened();
                let database = Arc::new(database);
                let mut current = self
                    .database
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *current = Some(database.clone());
                Some(database)
            }
            Err(error) => {
                // A read that still runs holds the file.
                let is_closing = error.is::<database_file::StoreInUse>();
                if let Some(left_out) = recovery.not_opened(Instant::now())
                    && !is_closing
                {
                    tracing::error!("{error:#}; the server tries again{}", count(left_out));
                }
                None
            }
        }
    }

    fn recovery(&self) -> std::sync::MutexGuard<'_, Recovery> {
        self.recovery.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> impl fmt::Display + '_ {
        self.location.path.display()
    }
}

/// The number of failures that were not logged, in words.
fn count(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        count => format!(" ({count} more failures since the last such line)"),
    }
}

impl Failure {
    fn advice(&self) -> &'static str {
        match self {
            Self::Error(redb::Error::Io(error)) => match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    "make room on its disk, and the store works again by itself"
                }
                _ => "check its disk; the server opens the store again by itself",
            },
            Self::Error(redb::Error::PreviousIo) => "the server opens the store again by itself",
            Self::Error(redb::Error::Corrupted(_)) | Self::Panic => {
                "the file is damaged; put a backup in its place, and the server opens it by itself"
            }
            Self::Error(_) => "the server opens the store again by itself",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Panic => f.write_str("its content is not what it should be"),
        }
    }
}
