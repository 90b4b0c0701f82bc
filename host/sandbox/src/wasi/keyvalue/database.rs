//! The database of a store: reads on the blocking pool, and one thread that writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use anyhow::Context;
use redb::ReadableDatabase;
use tokio::sync::{mpsc, oneshot};

use super::database_file::{self, Location};
use super::namespace::{Change, Changed, KeyPage, Namespace};
use super::open_file::{Failure, OpenFile};
use super::rejected::Rejected;
use crate::wasi::links::Links;

/// The open database of a store. Dropping it waits until the queued changes are on the disk.
///
/// A change is on the disk before its caller gets the result. One thread makes all changes. The changes that arrive
/// while it waits for the disk form the next transaction, so that many writers share one wait.
#[derive(Debug)]
pub struct Database {
    /// Shared with the writer thread and with reads.
    file: Arc<OpenFile>,
    /// None when the writer thread must end.
    queue: Option<mpsc::Sender<WriteRequest>>,
    writer: Option<JoinHandle<()>>,
}

/// A change in the queue of the writer thread.
struct WriteRequest {
    namespace: Arc<Namespace>,
    bucket: Arc<str>,
    change: Change,
    answer: oneshot::Sender<Result<Changed, StoreError>>,
}

/// Why a call to the store failed.
#[derive(Debug, Clone)]
pub(super) enum StoreError {
    /// The store rejected the call. The message is for the author of the handler.
    Rejected(String),
    /// The store itself failed. The error is in the log.
    Failed,
}

impl Database {
    /// Opens the store in a file. If the file does not exist, creates it so that only its owner can read it. Its folder
    /// must exist.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, is in use ([`StoreInUse`](super::StoreInUse)), is damaged, or is not a store.
    pub fn open(path: &Path, links: Links) -> anyhow::Result<Self> {
        Self::start(path, links, None)
    }

    /// Opens the store like [`open`](Self::open), and drops `closed` when the file is closed.
    pub(super) fn open_with_signal(
        path: &Path,
        links: Links,
        closed: Sender<()>,
    ) -> anyhow::Result<Self> {
        Self::start(path, links, Some(closed))
    }

    fn start(path: &Path, links: Links, closed: Option<Sender<()>>) -> anyhow::Result<Self> {
        let path = path.to_owned();
        let file = Arc::new(OpenFile::open(Location { path, links }, closed)?);
        let (queue, requests) = mpsc::channel(MAX_QUEUED);
        let writing = file.clone();
        let writer = thread::Builder::new()
            .name("store".into())
            .spawn(move || write(&writing, requests))
            .context("the writer thread of the store cannot be started")?;
        Ok(Self {
            file,
            queue: Some(queue),
            writer: Some(writer),
        })
    }

    /// Checks that [`open`](Self::open) would succeed, without creating a file.
    ///
    /// # Errors
    ///
    /// The same as for `open`.
    pub fn check(path: &Path, links: Links) -> anyhow::Result<()> {
        let path = path.to_owned();
        database_file::check(&Location { path, links })
    }

    /// Makes a change, and waits until it is on the disk.
    pub(super) async fn change(
        &self,
        namespace: &Arc<Namespace>,
        bucket: &Arc<str>,
        change: Change,
    ) -> Result<Changed, StoreError> {
        let (answer, answered) = oneshot::channel();
        let request = WriteRequest {
            namespace: namespace.clone(),
            bucket: bucket.clone(),
            change,
            answer,
        };
        let queue = self.queue.as_ref().ok_or(StoreError::Failed)?;
        queue.send(request).await.map_err(|_| StoreError::Failed)?;
        answered.await.map_err(|_| StoreError::Failed)?
    }

    /// The values of keys, in the order of the keys.
    pub(super) async fn get(
        &self,
        namespace: &Arc<Namespace>,
        bucket: &Arc<str>,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, StoreError> {
        self.read(namespace, bucket, move |namespace, transaction, bucket| {
            let mut values = Vec::new();
            let mut bytes = 0;
            for key in keys {
                let value = namespace.get(transaction, bucket, &key)?;
                bytes += key.len() + value.as_ref().map_or(0, Vec::len);
                if bytes > MAX_ANSWER && !values.is_empty() {
                    return Ok(Err(Rejected(format!(
                        "these keys and their values exceed {MAX_ANSWER} bytes in total; request fewer keys at once"
                    ))));
                }
                values.push((key, value));
            }
            Ok(Ok(values))
        })
        .await
    }

    /// Whether a key has a value.
    pub(super) async fn exists(
        &self,
        namespace: &Arc<Namespace>,
        bucket: &Arc<str>,
        key: String,
    ) -> Result<bool, StoreError> {
        self.read(namespace, bucket, move |namespace, transaction, bucket| {
            namespace.exists(transaction, bucket, &key).map(Ok)
        })
        .await
    }

    /// A page of the keys of a bucket, from the number `from`.
    pub(super) async fn list(
        &self,
        namespace: &Arc<Namespace>,
        bucket: &Arc<str>,
        from: u64,
    ) -> Result<KeyPage, StoreError> {
        self.read(namespace, bucket, move |namespace, transaction, bucket| {
            namespace.list(transaction, bucket, from).map(Ok)
        })
        .await
    }

    /// Reads on the blocking pool, because pages that are not cached come from the disk.
    async fn read<T: Send + 'static>(
        &self,
        namespace: &Arc<Namespace>,
        bucket: &Arc<str>,
        read: impl FnOnce(
            &Namespace,
            &redb::ReadTransaction,
            &str,
        ) -> Result<Result<T, Rejected>, redb::Error>
        + Send
        + 'static,
    ) -> Result<T, StoreError> {
        let (file, namespace, bucket) = (self.file.clone(), namespace.clone(), bucket.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let database = file.to_read().ok_or(StoreError::Failed)?;
            let outcome = guarded(|| {
                let transaction = database.begin_read()?;
                read(&namespace, &transaction, &bucket)
            });
            match outcome {
                Ok(outcome) => outcome.map_err(|Rejected(reason)| StoreError::Rejected(reason)),
                Err(failure) => {
                    file.failed(&database, &failure, &namespace.handler);
                    Err(StoreError::Failed)
                }
            }
        });
        reading.await.unwrap_or(Err(StoreError::Failed))
    }
}

impl Drop for Database {
    /// Waits until the queued changes are on the disk.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// The writer thread: makes the queued changes until the queue is closed.
fn write(file: &OpenFile, mut requests: mpsc::Receiver<WriteRequest>) {
    while let Some(first) = requests.blocking_recv() {
        let mut group = vec![first];
        while group.len() < MAX_GROUP {
            match requests.try_recv() {
                Ok(request) => group.push(request),
                Err(_) => break,
            }
        }
        // The senders are dropped with the group, so the waiting handlers get an error.
        let Some(database) = file.to_write() else {
            continue;
        };
        let handler = group.first().map(|request| request.namespace.clone());
        let handler = handler.as_ref().map_or("", |namespace| &namespace.handler);
        match guarded(|| commit(&database, group)) {
            Ok(answers) => {
                file.written();
                for (answer, outcome) in answers {
                    // If the handler no longer waits, the change still counts.
                    let _ = answer
                        .send(outcome.map_err(|Rejected(reason)| StoreError::Rejected(reason)));
                }
            }
            Err(failure) => file.failed(&database, &failure, handler),
        }
    }
}

type Outcomes = Vec<(
    oneshot::Sender<Result<Changed, StoreError>>,
    Result<Changed, Rejected>,
)>;

/// Makes the changes of a group in one transaction. An error undoes all of them.
fn commit(database: &redb::Database, group: Vec<WriteRequest>) -> Result<Outcomes, redb::Error> {
    let transaction = database.begin_write()?;
    let mut answers = Vec::with_capacity(group.len());
    for request in group {
        let outcome = request
            .namespace
            .change(&transaction, &request.bucket, request.change)?;
        answers.push((request.answer, outcome));
    }
    // The changes are on the disk when this returns, because the default is `Durability::Immediate`.
    transaction.commit()?;
    Ok(answers)
}

/// Runs a transaction. A damaged file may make redb panic, and must end neither the writer thread nor the server.
fn guarded<T>(run: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome.map_err(Failure::Error),
        Err(_) => Err(Failure::Panic),
    }
}

/// Changes in the queue of the writer thread. A further change waits for a place in the queue.
const MAX_QUEUED: usize = 256;

/// The most changes in one transaction.
const MAX_GROUP: usize = 256;

/// The most bytes of keys and values that one call returns. A single value may be larger.
const MAX_ANSWER: usize = 16 << 20;
