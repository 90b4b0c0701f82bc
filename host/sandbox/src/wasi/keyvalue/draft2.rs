//! `wasi:keyvalue@0.2.0-draft2`: as the first draft, with compare-and-swap.

use wasmtime::component::{Linker, Resource};

use self::bindings::wasi::keyvalue::{atomics, batch, store as interface};
use super::bucket::{Bucket, HasKeyValue, KeyValueError, KeyValueView, Swap};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/keyvalue-draft2",
        world: "imports",
        imports: { default: async | trappable },
        with: {
            "wasi:keyvalue/store.bucket": crate::wasi::keyvalue::bucket::Bucket,
            "wasi:keyvalue/atomics.cas": crate::wasi::keyvalue::bucket::Swap,
        },
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
        cursor: Option<String>,
    ) -> Outcome<interface::KeyResponse> {
        let from = match cursor {
            None => 0,
            Some(cursor) => cursor.parse().map_err(|_| {
                KeyValueError::Other("the cursor is not one that list-keys returned".into())
            })?,
        };
        let page = self.bucket(&bucket)?.page(from).await?;
        Ok(interface::KeyResponse {
            keys: page.keys,
            cursor: page.next.map(|next| next.to_string()),
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
        delta: i64,
    ) -> Outcome<i64> {
        self.bucket(&bucket)?.add(key, delta).await
    }

    /// Sets the value unless it has changed since the handle was made. The error then has a handle for the new value.
    async fn swap(
        &mut self,
        swap: Resource<Swap>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), atomics::CasError>> {
        let mut swap = self.table.delete(swap)?;
        let outcome = async {
            if swap.set(value).await? {
                return Ok(None);
            }
            swap.current().await?;
            Ok(Some(self.table.push(swap)?))
        };
        Ok(match outcome.await {
            Ok(None) => Ok(()),
            Ok(Some(retry)) => Err(atomics::CasError::CasFailed(retry)),
            Err(error) => {
                let error = interface::Host::convert_error(self, error)?;
                Err(atomics::CasError::StoreError(error))
            }
        })
    }
}

impl atomics::HostCas for KeyValueView<'_> {
    async fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Outcome<Resource<Swap>> {
        let swap = self.bucket(&bucket)?.swap(key).await?;
        Ok(self.table.push(swap)?)
    }

    async fn current(&mut self, swap: Resource<Swap>) -> Outcome<Option<Vec<u8>>> {
        self.table.get_mut(&swap)?.current().await
    }

    async fn drop(&mut self, swap: Resource<Swap>) -> wasmtime::Result<()> {
        self.table.delete(swap)?;
        Ok(())
    }
}

impl batch::Host for KeyValueView<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Outcome<Vec<(String, Option<Vec<u8>>)>> {
        self.bucket(&bucket)?.get_many(keys).await
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
