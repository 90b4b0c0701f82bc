//! The file of a store: opens it, and checks that it is one.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use redb::{DatabaseError, ReadableDatabase, StorageError, TableDefinition};

/// A store cannot be opened since another process has it open.
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

/// Writes into a new store whose it is, and looks for that in one that was there.
fn check_format(database: &redb::Database) -> anyhow::Result<()> {
    let reading = database.begin_read()?;
    let format = match reading.open_table(FORMAT_TABLE) {
        Ok(about) => about.get("format")?.map(|format| format.value()),
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

const FORMAT_TABLE: TableDefinition<&str, u64> = TableDefinition::new("belljar");

/// The tables of this version.
const FORMAT: u64 = 1;

/// Bytes of the file that are kept in memory.
const CACHE_SIZE: usize = 32 << 20;
