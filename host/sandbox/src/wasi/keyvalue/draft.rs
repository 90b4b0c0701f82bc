//! `wasi:keyvalue@0.2.0-draft`.

use wasmtime::component::{Linker, Resource};

use self::bindings::wasi::keyvalue::{atomics, batch, store as interface};
use super::bucket::{Bucket, HasKeyValue, KeyValueError, KeyValueView};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/keyvalue",
        world: "imports",
        imports: { default: async | trappable },
        with: { "wasi:keyvalue/store.bucket": crate::wasi::keyvalue::bucket::Bucket },
        trappable_error_type: { "wasi:keyvalue/store.error" => crate::wasi::keyvalue::bucket::KeyValueError },
    });
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

type Outcome<T> = Result<T, KeyValueError>;

impl interface::Host for KeyValueView<'_> {
    async fn open(&mut self, identifier: String) -> Outcome<Resource<Bucket>> {
        let bucket = self.open_bucket(&identifier)?;
        Ok(self.table.push(bucket)?)
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
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Outcome<Option<Vec<u8>>> {
        self.bucket(&bucket)?.get(key).await
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Outcome<()> {
        self.bucket(&bucket)?.set(key, value).await
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Outcome<()> {
        self.bucket(&bucket)?.delete(key).await
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Outcome<bool> {
        self.bucket(&bucket)?.exists(key).await
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Outcome<interface::KeyResponse> {
        let page = self.bucket(&bucket)?.page(cursor.unwrap_or(0)).await?;
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
    ) -> Outcome<u64> {
        self.bucket(&bucket)?.increment(key, delta).await
    }
}

impl batch::Host for KeyValueView<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Outcome<Vec<Option<(String, Vec<u8>)>>> {
        let values = self.bucket(&bucket)?.get_many(keys).await?;
        let pair = |(key, value): (String, Option<_>)| value.map(|value| (key, value));
        Ok(values.into_iter().map(pair).collect())
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Outcome<()> {
        self.bucket(&bucket)?.set_many(entries).await
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Outcome<()> {
        self.bucket(&bucket)?.delete_many(keys).await
    }
}
