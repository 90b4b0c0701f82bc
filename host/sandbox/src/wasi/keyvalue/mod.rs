//! `wasi:keyvalue@0.2.0-draft`: a persistent key-value store for handlers.
//!
//! This file implements the interfaces. Each handler has its own buckets, under the name of the handler. Guests do not
//! create buckets: a bucket exists when it has an entry.
//!
//! - [`databases`] holds the open databases, [`database`] reads and writes one, [`database_file`] opens its file.
//! - [`open_file`] opens the file again after an I/O error, when [`recovery`] says so.
//! - [`namespace`] reads and changes the entries of a handler in the [`tables`], within the [`limits`].

mod database;
mod database_file;
mod databases;
mod limits;
mod namespace;
mod open_file;
mod recovery;
mod rejected;
mod tables;

use std::sync::{Arc, Once};

use wasmtime::component::{HasData, Linker, Resource, ResourceTable, ResourceTableError};

use self::bindings::wasi::keyvalue::{atomics, batch, store as interface};
use self::database::StoreError;
use self::namespace::{Change, Namespace};

pub use self::database::Database;
pub use self::database_file::StoreInUse;
pub use self::databases::Databases;
pub use self::limits::StoreLimits;

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/keyvalue",
        world: "imports",
        imports: { default: async | trappable },
        with: { "wasi:keyvalue/store.bucket": super::Bucket },
        trappable_error_type: { "wasi:keyvalue/store.error" => super::KeyValueError },
    });
}

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

/// The host side of the resource `bucket`.
#[derive(Clone)]
pub struct Bucket {
    store: KeyValueStore,
    name: Arc<str>,
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

/// Links the interfaces, even for a handler without a store. Such a handler gets an error when it opens a bucket.
pub(crate) fn link<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> KeyValueView<'_>,
) -> wasmtime::Result<()> {
    interface::add_to_linker::<T, HasKeyValue>(linker, view)?;
    atomics::add_to_linker::<T, HasKeyValue>(linker, view)?;
    batch::add_to_linker::<T, HasKeyValue>(linker, view)
}

/// The part of the host state that the interfaces need.
pub(crate) struct KeyValueView<'a> {
    pub table: &'a mut ResourceTable,
    pub store: Option<&'a KeyValueStore>,
    pub handler: &'a str,
    /// Completed when the log has said that the handler asks for a store without a grant.
    pub denied: &'a Once,
}

struct HasKeyValue;

impl HasData for HasKeyValue {
    type Data<'a> = KeyValueView<'a>;
}

impl KeyValueView<'_> {
    fn bucket(&self, bucket: &Resource<Bucket>) -> Result<Bucket, KeyValueError> {
        Ok(self.table.get(bucket)?.clone())
    }

    async fn change(
        &mut self,
        bucket: &Resource<Bucket>,
        change: Change,
    ) -> Result<u64, KeyValueError> {
        let Bucket { store, name } = self.bucket(bucket)?;
        Ok(store
            .database
            .change(&store.namespace, &name, change)
            .await?)
    }
}

impl interface::Host for KeyValueView<'_> {
    async fn open(&mut self, identifier: String) -> Result<Resource<Bucket>, KeyValueError> {
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
        let name = match identifier.as_str() {
            // Guests written for hosts with a single store open it by the empty name.
            "" => DEFAULT_BUCKET,
            name if is_bucket_name(name) => name,
            _ => return Err(KeyValueError::NoSuchStore),
        };
        Ok(self.table.push(Bucket {
            store: store.clone(),
            name: name.into(),
        })?)
    }

    fn convert_error(&mut self, error: KeyValueError) -> wasmtime::Result<interface::Error> {
        match error {
            KeyValueError::NoSuchStore => Ok(interface::Error::NoSuchStore),
            KeyValueError::AccessDenied => Ok(interface::Error::AccessDenied),
            KeyValueError::Other(reason) => Ok(interface::Error::Other(reason)),
            KeyValueError::Trap(error) => Err(error),
        }
    }
}

impl interface::HostBucket for KeyValueView<'_> {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Option<Vec<u8>>, KeyValueError> {
        let Bucket { store, name } = self.bucket(&bucket)?;
        let mut values = store
            .database
            .get(&store.namespace, &name, vec![key])
            .await?;
        Ok(values.pop().and_then(|(_, value)| value))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), KeyValueError> {
        self.change(&bucket, Change::Set(vec![(key, value)]))
            .await?;
        Ok(())
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), KeyValueError> {
        self.change(&bucket, Change::Delete(vec![key])).await?;
        Ok(())
    }

    async fn exists(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<bool, KeyValueError> {
        let Bucket { store, name } = self.bucket(&bucket)?;
        Ok(store.database.exists(&store.namespace, &name, key).await?)
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Result<interface::KeyResponse, KeyValueError> {
        let Bucket { store, name } = self.bucket(&bucket)?;
        let from = cursor.unwrap_or(0);
        let page = store.database.list(&store.namespace, &name, from).await?;
        Ok(interface::KeyResponse {
            keys: page.keys,
            cursor: page.next,
        })
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for KeyValueView<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Result<u64, KeyValueError> {
        self.change(&bucket, Change::Increment(key, delta)).await
    }
}

impl batch::Host for KeyValueView<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, KeyValueError> {
        let Bucket { store, name } = self.bucket(&bucket)?;
        check_batch(keys.len())?;
        let values = store.database.get(&store.namespace, &name, keys).await?;
        let pair = |(key, value): (String, Option<_>)| value.map(|value| (key, value));
        Ok(values.into_iter().map(pair).collect())
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<(), KeyValueError> {
        check_batch(entries.len())?;
        self.change(&bucket, Change::Set(entries)).await?;
        Ok(())
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<(), KeyValueError> {
        check_batch(keys.len())?;
        self.change(&bucket, Change::Delete(keys)).await?;
        Ok(())
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
