//! The file, and the thread that writes it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use anyhow::Context;
use redb::ReadableDatabase;
use tokio::sync::{mpsc, oneshot};

use super::database_file;
use super::namespace::{Change, KeyPage, Namespace};
use super::rejected::Rejected;

/// A store, open for as long as this is held.
///
/// A change that was answered is on the disk. One thread makes all changes, those that are asked for while it waits
/// for the disk in the next transaction together, so that many writers cost no more of it than one.
#[derive(Debug)]
pub struct Database {
    file: Arc<OpenFile>,
    /// None when the thread is to end.
    queue: Option<mpsc::Sender<WriteRequest>>,
    writer: Option<JoinHandle<()>>,
}

/// The file, in use by this process.
#[derive(Debug)]
struct OpenFile {
    redb: redb::Database,
    /// Whoever waits for the file to be closed sees this dropped; it is dropped after the field before it.
    _closed: Option<Sender<()>>,
}

struct WriteRequest {
    namespace: Arc<Namespace>,
    bucket: Arc<str>,
    change: Change,
    answer: oneshot::Sender<Result<u64, StoreError>>,
}

/// Why a call has no result.
#[derive(Debug, Clone)]
pub(super) enum StoreError {
    /// It asked for what it may not have; the message is for its author.
    Rejected(String),
    /// The store itself failed; the log has said how.
    Failed,
}

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
    pub(super) fn open_with_signal(path: &Path, closed: Sender<()>) -> anyhow::Result<Self> {
        Self::start(path, Some(closed))
    }

    fn start(path: &Path, closed: Option<Sender<()>>) -> anyhow::Result<Self> {
        let file = Arc::new(OpenFile {
            redb: database_file::open(path)?,
            _closed: closed,
        });
        let (queue, requests) = mpsc::channel(MAX_QUEUED);
        let writing = file.clone();
        let writer = thread::Builder::new()
            .name("store".into())
            .spawn(move || write(&writing.redb, requests))
            .context("the writer thread of the store cannot be started")?;
        Ok(Self {
            file,
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
        database_file::check(path)
    }

    pub(super) async fn change(
        &self,
        namespace: &Arc<Namespace>,
        bucket: &Arc<str>,
        change: Change,
    ) -> Result<u64, StoreError> {
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

    /// Values by key, in the keys' order.
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

    /// Reads off the thread of the guest: what is not in memory comes from the disk.
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
            let transaction = file.redb.begin_read()?;
            read(&namespace, &transaction, &bucket)
        });
        match reading.await {
            Ok(Ok(outcome)) => outcome.map_err(|Rejected(reason)| StoreError::Rejected(reason)),
            Ok(Err(error)) => Err(failed(&error)),
            Err(error) => Err(failed(&error)),
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
fn write(database: &redb::Database, mut requests: mpsc::Receiver<WriteRequest>) {
    while let Some(first) = requests.blocking_recv() {
        let mut group = vec![first];
        while group.len() < MAX_GROUP {
            match requests.try_recv() {
                Ok(request) => group.push(request),
                Err(_) => break,
            }
        }
        match commit(database, group) {
            Ok(answers) => {
                for (answer, outcome) in answers {
                    // The handler may be gone; its change is made all the same.
                    let _ = answer
                        .send(outcome.map_err(|Rejected(reason)| StoreError::Rejected(reason)));
                }
            }
            // The handlers learn it from the senders that went with the group.
            Err(error) => {
                failed(&error);
            }
        }
    }
}

type Outcomes = Vec<(
    oneshot::Sender<Result<u64, StoreError>>,
    Result<u64, Rejected>,
)>;

fn commit(database: &redb::Database, group: Vec<WriteRequest>) -> Result<Outcomes, redb::Error> {
    let transaction = database.begin_write()?;
    let mut answers = Vec::with_capacity(group.len());
    for request in group {
        let outcome = request
            .namespace
            .change(&transaction, &request.bucket, request.change)?;
        answers.push((request.answer, outcome));
    }
    // Durable when it returns: redb's Durability::Immediate.
    transaction.commit()?;
    Ok(answers)
}

fn failed(error: &dyn std::error::Error) -> StoreError {
    tracing::error!("the key-value store failed: {error}");
    StoreError::Failed
}

/// Changes that wait for the writer. Who has a further one waits.
const MAX_QUEUED: usize = 256;

/// Changes of one transaction.
const MAX_GROUP: usize = 256;

/// Bytes of keys and values in one answer, if there is more than one value.
const MAX_ANSWER: usize = 16 << 20;
