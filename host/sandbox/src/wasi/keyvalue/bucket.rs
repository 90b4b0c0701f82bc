//! The buckets of a handler, whatever interface it opens them by.

use std::sync::{Arc, Once};

use wasmtime::component::{HasData, Resource, ResourceTable, ResourceTableError};

use super::database::{Database, StoreError};
use super::limits::StoreLimits;
use super::namespace::{Change, Changed, KeyPage, Namespace, ValueDigest};
use super::rejected::Rejected;

/// The key-value store of one handler: its part of a database.
#[derive(Debug, Clone)]
pub struct KeyValueStore {
    database: Arc<Database>,
    namespace: Arc<Namespace>,
}

impl KeyValueStore {
    /// The store of the handler with this name.
    pub fn new(database: Arc<Database>, handler: String, limits: StoreLimits) -> Self {
        Self {
            database,
            namespace: Arc::new(Namespace { handler, limits }),
        }
    }
}

/// The part of the host state that the interfaces need.
pub(crate) struct KeyValueView<'a> {
    pub table: &'a mut ResourceTable,
    pub store: Option<&'a KeyValueStore>,
    pub handler: &'a str,
    /// Completed when the log has said that the handler asks for a store without a grant.
    pub denied: &'a Once,
}

pub(super) struct HasKeyValue;

impl HasData for HasKeyValue {
    type Data<'a> = KeyValueView<'a>;
}

/// The error of a call: an error for the guest, or a trap.
pub enum KeyValueError {
    NoSuchStore,
    AccessDenied,
    Other(String),
    Trap(wasmtime::Error),
}

impl From<StoreError> for KeyValueError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Rejected(reason) => Self::Other(reason),
            StoreError::Failed => {
                Self::Other("the store failed; the log of the server has the reason".into())
            }
        }
    }
}

impl From<ResourceTableError> for KeyValueError {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}

impl KeyValueView<'_> {
    /// Opens a bucket.
    ///
    /// # Errors
    ///
    /// If the handler has no store, or the name is not valid.
    pub fn open_bucket(&self, identifier: &str) -> Result<Bucket, KeyValueError> {
        let Some(store) = self.store else {
            // Logged once, because the handler may open a bucket in every request.
            self.denied.call_once(|| {
                let handler = self.handler;
                tracing::warn!(
                    target: "guest",
                    %handler,
                    "access to a bucket was denied: no key-value store is granted; add --store FILE to grant one"
                );
            });
            return Err(KeyValueError::AccessDenied);
        };
        let name = match identifier {
            // Guests written for hosts with a single store open it by the empty name.
            "" => DEFAULT_BUCKET,
            name if is_bucket_name(name) => name,
            _ => return Err(KeyValueError::NoSuchStore),
        };
        Ok(Bucket {
            store: store.clone(),
            name: name.into(),
        })
    }

    pub fn bucket(&self, bucket: &Resource<Bucket>) -> Result<Bucket, KeyValueError> {
        Ok(self.table.get(bucket)?.clone())
    }
}

/// An open bucket.
#[derive(Clone)]
pub struct Bucket {
    store: KeyValueStore,
    name: Arc<str>,
}

type Outcome<T> = Result<T, KeyValueError>;

impl Bucket {
    pub async fn get(&self, key: String) -> Outcome<Option<Vec<u8>>> {
        let mut values = self.get_many(vec![key]).await?;
        Ok(values.pop().and_then(|(_, value)| value))
    }

    pub async fn set(&self, key: String, value: Vec<u8>) -> Outcome<()> {
        self.change(Change::Set(vec![(key, value)])).await?;
        Ok(())
    }

    pub async fn delete(&self, key: String) -> Outcome<()> {
        self.change(Change::Delete(vec![key])).await?;
        Ok(())
    }

    pub async fn exists(&self, key: String) -> Outcome<bool> {
        let KeyValueStore {
            database,
            namespace,
        } = &self.store;
        Ok(database.exists(namespace, &self.name, key).await?)
    }

    /// A page of the keys, from the number `from`.
    pub(super) async fn page(&self, from: u64) -> Outcome<KeyPage> {
        let KeyValueStore {
            database,
            namespace,
        } = &self.store;
        Ok(database.list(namespace, &self.name, from).await?)
    }

    /// All keys.
    ///
    /// # Errors
    ///
    /// If they are too many for one answer.
    pub async fn keys(&self) -> Outcome<Vec<String>> {
        let (mut keys, mut bytes, mut from) = (Vec::new(), 0, Some(0));
        while let Some(next) = from {
            let page = self.page(next).await?;
            // Each key costs the guest its text and a pointer, and the host the same.
            bytes += page.keys.iter().map(|key| key.len() + 24).sum::<usize>();
            if bytes > MAX_KEYS {
                return Err(KeyValueError::Other(format!(
                    "the keys exceed {MAX_KEYS} bytes in total; spread them over several buckets, or list them in \
                     pages with wasi:keyvalue"
                )));
            }
            keys.extend(page.keys);
            from = page.next;
        }
        Ok(keys)
    }

    pub async fn increment(&self, key: String, delta: u64) -> Outcome<u64> {
        match self.change(Change::Increment(key, delta)).await? {
            Changed::Sum(sum) => Ok(sum),
            _ => Err(StoreError::Failed.into()),
        }
    }

    pub async fn add(&self, key: String, delta: i64) -> Outcome<i64> {
        match self.change(Change::Add(key, delta)).await? {
            Changed::SignedSum(sum) => Ok(sum),
            _ => Err(StoreError::Failed.into()),
        }
    }

    /// The value of a key, with what [`Swap::set`] needs to change only this value.
    ///
    /// # Errors
    ///
    /// If the key is too long to have a value, or the store fails.
    pub(super) async fn swap(&self, key: String) -> Outcome<Swap> {
        let limits = &self.store.namespace.limits;
        let checked = limits.check(&key, &[]);
        checked.map_err(|Rejected(reason)| KeyValueError::Other(reason))?;
        let mut swap = Swap {
            bucket: self.clone(),
            key,
            expected: None,
        };
        swap.current().await?;
        Ok(swap)
    }

    pub async fn get_many(&self, keys: Vec<String>) -> Outcome<Vec<(String, Option<Vec<u8>>)>> {
        check_batch(keys.len())?;
        let KeyValueStore {
            database,
            namespace,
        } = &self.store;
        Ok(database.get(namespace, &self.name, keys).await?)
    }

    pub async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Outcome<()> {
        check_batch(entries.len())?;
        self.change(Change::Set(entries)).await?;
        Ok(())
    }

    pub async fn delete_many(&self, keys: Vec<String>) -> Outcome<()> {
        check_batch(keys.len())?;
        self.change(Change::Delete(keys)).await?;
        Ok(())
    }

    async fn change(&self, change: Change) -> Outcome<Changed> {
        let KeyValueStore {
            database,
            namespace,
        } = &self.store;
        Ok(database.change(namespace, &self.name, change).await?)
    }
}

/// A change of a value that happens only if nobody else has changed it (compare-and-swap).
///
/// It keeps a digest of the value and not the value, so that many handles need little memory.
#[derive(Clone)]
pub struct Swap {
    bucket: Bucket,
    key: String,
    expected: Option<ValueDigest>,
}

impl Swap {
    /// The current value, which is then the one to change.
    pub async fn current(&mut self) -> Outcome<Option<Vec<u8>>> {
        let current = self.bucket.get(self.key.clone()).await?;
        self.expected = current.as_deref().map(ValueDigest::of);
        Ok(current)
    }

    /// Changes the value. Returns whether it was still the same.
    pub async fn set(&self, value: Vec<u8>) -> Outcome<bool> {
        let change = Change::Swap {
            key: self.key.clone(),
            expected: self.expected,
            value,
        };
        Ok(self.bucket.change(change).await? == Changed::Done)
    }
}

/// Checks the size of a batch: a batch is one transaction, which cannot be interrupted.
fn check_batch(keys: usize) -> Result<(), KeyValueError> {
    match keys <= MAX_BATCH {
        true => Ok(()),
        false => Err(KeyValueError::Other(format!(
            "the batch has {keys} keys, more than the maximum of {MAX_BATCH}; use several batches"
        ))),
    }
}

/// Whether a guest may use this name for a bucket.
fn is_bucket_name(name: &str) -> bool {
    (1..=MAX_BUCKET_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// The bucket that an empty name opens.
const DEFAULT_BUCKET: &str = "default";

/// The most bytes of the name of a bucket.
const MAX_BUCKET_NAME: usize = 64;

/// The most keys in one batch.
const MAX_BATCH: usize = 10_000;

/// The most bytes of keys that one call returns.
const MAX_KEYS: usize = 4 << 20;
