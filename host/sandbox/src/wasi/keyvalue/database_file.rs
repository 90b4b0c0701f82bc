//! The file of a store: opens or creates it, and checks its format.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use redb::{DatabaseError, ReadableDatabase, StorageError, TableDefinition};

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

/// Opens a store, or creates it if the file does not exist.
///
/// # Errors
///
/// If the file cannot be opened, is in use ([`StoreInUse`]), is damaged, or is not a store.
pub(super) fn open(path: &Path) -> anyhow::Result<redb::Database> {
    let shown = path.display();
    let file = open_file(path)?;
    let database = redb::Builder::new()
        .set_cache_size(CACHE_SIZE)
        .create_file(file);
    let database = match database {
        Ok(database) => database,
        Err(DatabaseError::DatabaseAlreadyOpen) => {
            return Err(StoreInUse(path.into()).into());
        }
        Err(DatabaseError::Storage(StorageError::Io(error)))
            if error.kind() == std::io::ErrorKind::InvalidData =>
        {
            bail!(
                "the store {shown} cannot be opened: the file is not a key-value store; name another file, or \
                 one that does not exist yet"
            )
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
pub(super) fn check(path: &Path) -> anyhow::Result<()> {
    if path.try_exists().unwrap_or(true) {
        return open(path).map(drop);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        bail!("{}", no_folder_message(path));
    }
    Ok(())
}

fn open_file(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("{}", no_folder_message(path))
        }
        Err(error) => {
            let shown = path.display();
            return Err(error).with_context(|| format!("the store {shown} cannot be opened"));
        }
    };
    let kind = file
        .metadata()
        .with_context(|| format!("the store {} cannot be opened", path.display()))?;
    anyhow::ensure!(
        kind.is_file(),
        "the store {} cannot be opened: it is not a regular file; name another file",
        path.display()
    );
    Ok(file)
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
