//! The file, and the thread that writes it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use anyhow::{Context, bail};
use redb::{DatabaseError, ReadableDatabase, StorageError, TableDefinition};
use tokio::sync::{mpsc, oneshot};

use super::store::{Change, Page, Refused, Space};

/// A store, open for as long as this is held.
///
/// A change that was answered is on the disk. One thread makes all changes, those that are asked for while it waits
/// for the disk in the next transaction together, so that many writers cost no more of it than one.
#[derive(Debug)]
pub struct Database {
    redb: Arc<Open>,
    /// None when the thread is to end.
    queue: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

/// The file, in use by this process.
#[derive(Debug)]
struct Open {
    redb: redb::Database,
    /// Whoever waits for the file to be closed sees this dropped; it is dropped after the field before it.
    _held: Option<Sender<()>>,
}

struct Job {
    space: Arc<Space>,
    bucket: Arc<str>,
    change: Change,
    answer: oneshot::Sender<Result<u64, Failure>>,
}

/// Why a call has no result.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// It asked for what it may not have; the message is for its author.
    Refused(String),
    /// The store itself failed; the log has said how.
    Broken,
}

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

impl Database {
    /// Opens the store in a file, and makes one if there is none: a file for its owner alone, in a folder that has to
    /// be there.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened, is in use, is damaged, or is something else.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Self::start(path, None)
    }

    /// As [`open`](Self::open); what is held for it is dropped when the file is closed.
    pub(super) fn held(path: &Path, held: Sender<()>) -> anyhow::Result<Self> {
        Self::start(path, Some(held))
    }

    fn start(path: &Path, held: Option<Sender<()>>) -> anyhow::Result<Self> {
        let redb = Arc::new(Open {
            redb: open(path)?,
            _held: held,
        });
        let (queue, jobs) = mpsc::channel(QUEUE);
        let database = redb.clone();
        let writer = thread::Builder::new()
            .name("store".into())
            .spawn(move || write(&database.redb, jobs))
            .context("the writer thread of the store cannot be started")?;
        Ok(Self {
            redb,
            queue: Some(queue),
            writer: Some(writer),
        })
    }

    /// Whether [`open`](Self::open) would succeed, as far as that can be said without making a file.
    ///
    /// # Errors
    ///
    /// As `open` has them.
    pub fn check(path: &Path) -> anyhow::Result<()> {
        if path.try_exists().unwrap_or(true) {
            return open(path).map(drop);
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            bail!("{}", no_folder(path));
        }
        Ok(())
    }

    pub(super) async fn change(
        &self,
        space: &Arc<Space>,
        bucket: &Arc<str>,
        change: Change,
    ) -> Result<u64, Failure> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            space: space.clone(),
            bucket: bucket.clone(),
            change,
            answer,
        };
        let queue = self.queue.as_ref().ok_or(Failure::Broken)?;
        queue.send(job).await.map_err(|_| Failure::Broken)?;
        answered.await.map_err(|_| Failure::Broken)?
    }

    /// Values by key, in the keys' order.
    pub(super) async fn get(
        &self,
        space: &Arc<Space>,
        bucket: &Arc<str>,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, Failure> {
        self.read(space, bucket, move |space, transaction, bucket| {
            let mut values = Vec::new();
            let mut bytes = 0;
            for key in keys {
                let value = space.get(transaction, bucket, &key)?;
                bytes += key.len() + value.as_ref().map_or(0, Vec::len);
                if bytes > MAX_ANSWER && !values.is_empty() {
                    return Ok(Err(Refused(format!(
                        "these keys and their values exceed {MAX_ANSWER} bytes in total; request fewer keys at once"
                    ))));
                }
                values.push((key, value));
            }
            Ok(Ok(values))
        })
        .await
    }

    pub(super) async fn exists(
        &self,
        space: &Arc<Space>,
        bucket: &Arc<str>,
        key: String,
    ) -> Result<bool, Failure> {
        self.read(space, bucket, move |space, transaction, bucket| {
            space.exists(transaction, bucket, &key).map(Ok)
        })
        .await
    }

    pub(super) async fn list(
        &self,
        space: &Arc<Space>,
        bucket: &Arc<str>,
        from: u64,
    ) -> Result<Page, Failure> {
        self.read(space, bucket, move |space, transaction, bucket| {
            space.list(transaction, bucket, from).map(Ok)
        })
        .await
    }

    /// Reads off the thread of the guest: what is not in memory comes from the disk.
    async fn read<T: Send + 'static>(
        &self,
        space: &Arc<Space>,
        bucket: &Arc<str>,
        read: impl FnOnce(
            &Space,
            &redb::ReadTransaction,
            &str,
        ) -> Result<Result<T, Refused>, redb::Error>
        + Send
        + 'static,
    ) -> Result<T, Failure> {
        let (redb, space, bucket) = (self.redb.clone(), space.clone(), bucket.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let transaction = redb.redb.begin_read()?;
            read(&space, &transaction, &bucket)
        });
        match reading.await {
            Ok(Ok(outcome)) => outcome.map_err(|Refused(reason)| Failure::Refused(reason)),
            Ok(Err(error)) => Err(broken(&error)),
            Err(error) => Err(broken(&error)),
        }
    }
}

impl Drop for Database {
    /// Ends when what was asked for is written.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// The writer's thread.
fn write(database: &redb::Database, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match jobs.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        match commit(database, group) {
            Ok(answers) => {
                for (answer, outcome) in answers {
                    // The handler may be gone; its change is made all the same.
                    let _ =
                        answer.send(outcome.map_err(|Refused(reason)| Failure::Refused(reason)));
                }
            }
            // The handlers learn it from the senders that went with the group.
            Err(error) => {
                broken(&error);
            }
        }
    }
}

type Answers = Vec<(oneshot::Sender<Result<u64, Failure>>, Result<u64, Refused>)>;

fn commit(database: &redb::Database, group: Vec<Job>) -> Result<Answers, redb::Error> {
    let transaction = database.begin_write()?;
    let mut answers = Vec::with_capacity(group.len());
    for job in group {
        let outcome = job.space.change(&transaction, &job.bucket, job.change)?;
        answers.push((job.answer, outcome));
    }
    // Durable when it returns: redb's Durability::Immediate.
    transaction.commit()?;
    Ok(answers)
}

fn broken(error: &dyn std::error::Error) -> Failure {
    tracing::error!("the key-value store failed: {error}");
    Failure::Broken
}

fn open(path: &Path) -> anyhow::Result<redb::Database> {
    let shown = path.display();
    let file = open_file(path)?;
    let database = redb::Builder::new().set_cache_size(CACHE).create_file(file);
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
    claim(&database).with_context(|| format!("the store {shown} cannot be opened"))?;
    Ok(database)
}

fn open_file(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!("{}", no_folder(path)),
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

fn no_folder(path: &Path) -> String {
    format!(
        "the store {} cannot be created: its folder does not exist; create the folder, or correct the path",
        path.display()
    )
}

/// Writes into a new store whose it is, and looks for that in one that was there.
fn claim(database: &redb::Database) -> anyhow::Result<()> {
    let reading = database.begin_read()?;
    let format = match reading.open_table(ABOUT) {
        Ok(about) => about.get("format")?.map(|format| format.value()),
        Err(redb::TableError::TableDoesNotExist(_)) if reading.list_tables()?.next().is_none() => {
            drop(reading);
            let writing = database.begin_write()?;
            writing.open_table(ABOUT)?.insert("format", FORMAT)?;
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

const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("belljar");

/// The tables of this version.
const FORMAT: u64 = 1;

/// Bytes of the file that are kept in memory.
const CACHE: usize = 32 << 20;

/// Changes that wait for the writer. Who has a further one waits.
const QUEUE: usize = 256;

/// Changes of one transaction.
const GROUP: usize = 256;

/// Bytes of keys and values in one answer, if there is more than one value.
const MAX_ANSWER: usize = 16 << 20;
