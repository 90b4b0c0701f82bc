//! The file of a store: opens or creates it, and checks its format.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use redb::{DatabaseError, ReadableDatabase, StorageError, TableDefinition};

use crate::wasi::links::Links;

/// A store cannot be opened, because another process has it open.
#[derive(Debug)]
pub struct StoreInUse(PathBuf);

impl fmt::Display for StoreInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.display();
        write!(
            f,
            "the store {shown} cannot be opened: it is in use by another process; use a separate file for each server"
        )
    }
}

impl std::error::Error for StoreInUse {}

/// Where the file of a store is.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub path: PathBuf,
    pub links: Links,
}

/// What to do if the file does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    Create,
    Fail,
}

/// Opens a store, or creates it if the file does not exist and `if_missing` says so.
///
/// # Errors
///
/// If the file cannot be opened, is in use ([`StoreInUse`]), is damaged, or is not a store.
pub(super) fn open(location: &Location, if_missing: IfMissing) -> anyhow::Result<redb::Database> {
    let path = &location.path;
    let shown = path.display();
    let file = open_file(location, if_missing)?;
    let database = redb::Builder::new()
        .set_cache_size(CACHE_SIZE)
        .create_file(file);
    let database = match database {
        Ok(database) => database,
        Err(DatabaseError::DatabaseAlreadyOpen) => {
            return Err(StoreInUse(path.clone()).into());
        }
        Err(DatabaseError::Storage(StorageError::Io(error)))
            if error.kind() == std::io::ErrorKind::InvalidData =>
        {
            bail!(
                "the store {shown} cannot be opened: the file is not a key-value store; name another file, or \
                 one that does not exist yet"
            )
        }
        Err(DatabaseError::Storage(StorageError::Io(error))) => {
            return Err(error).with_context(|| format!("the store {shown} cannot be opened"));
        }
        Err(error) => bail!(
            "the store {shown} cannot be opened: the file is damaged ({error}); restore it from a backup, or \
             move it away to start with an empty store"
        ),
    };
    check_format(&database).with_context(|| format!("the store {shown} cannot be opened"))?;
    Ok(database)
}

/// Checks that [`open`] would succeed, without creating a file.
///
/// # Errors
///
/// The same as for `open`.
pub(super) fn check(location: &Location) -> anyhow::Result<()> {
    let path = &location.path;
    if path.try_exists().unwrap_or(true) {
        return open(location, IfMissing::Fail).map(drop);
    }
    if !folder_of(path).is_dir() {
        bail!("{}", no_folder_message(path));
    }
    Ok(())
}

fn open_file(location: &Location, if_missing: IfMissing) -> anyhow::Result<File> {
    let path = &location.path;
    let create = if_missing == IfMissing::Create;
    // Opening a device may already have an effect.
    if let Ok(found) = path.metadata() {
        check_kind(&found, path)?;
    }
    let opened = match location.links {
        #[cfg(unix)]
        Links::Refuse => crate::wasi::links::LinkFreeFolder::open(folder_of(path))
            .and_then(|folder| folder.open_file(path.file_name().unwrap_or_default(), create)),
        _ => {
            let mut options = OpenOptions::new();
            options
                .read(true)
                .write(true)
                .create(create)
                .truncate(false);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(path)
        }
    };
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && create => {
            bail!("{}", no_folder_message(path))
        }
        Err(error) => {
            let shown = path.display();
            return Err(error).with_context(|| format!("the store {shown} cannot be opened"));
        }
    };
    let found = file
        .metadata()
        .with_context(|| format!("the store {} cannot be opened", path.display()))?;
    check_kind(&found, path)?;
    Ok(file)
}

fn check_kind(found: &Metadata, path: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        found.is_file(),
        "the store {} cannot be opened: it is not a regular file; name another file",
        path.display()
    );
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn no_folder_message(path: &Path) -> String {
    format!(
        "the store {} cannot be created: its folder does not exist; create the folder, or correct the path",
        path.display()
    )
}

/// Checks the format of a database that has tables, and writes the format into an empty one.
fn check_format(database: &redb::Database) -> anyhow::Result<()> {
    let reading = database.begin_read()?;
    let format = match reading.open_table(FORMAT_TABLE) {
        Ok(table) => table.get("format")?.map(|format| format.value()),
        Err(redb::TableError::TableDoesNotExist(_)) if reading.list_tables()?.next().is_none() => {
            drop(reading);
            let writing = database.begin_write()?;
            writing.open_table(FORMAT_TABLE)?.insert("format", FORMAT)?;
            writing.commit()?;
            return Ok(());
        }
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    match format {
        Some(FORMAT) => Ok(()),
        Some(other) => bail!(
            "another version of belljar wrote the file (format {other}); use that version, or name another file"
        ),
        None => bail!("the file is the database of another program; name another file"),
    }
}

/// The table that marks a database as a store, and holds its format.
const FORMAT_TABLE: TableDefinition<&str, u64> = TableDefinition::new("belljar");

/// The format that this version reads and writes: the names and the types of the tables.
const FORMAT: u64 = 1;

/// The most bytes of the file that redb caches in memory.
const CACHE_SIZE: usize = 32 << 20;
