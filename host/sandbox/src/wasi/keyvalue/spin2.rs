//! `fermyon:spin/key-value@2.0.0`, the key-value store of handlers made for Spin 2 and 3.

use wasmtime::component::{Linker, Resource};

use self::bindings::fermyon::spin::key_value as interface;
use super::bucket::{Bucket, HasKeyValue, KeyValueError, KeyValueView};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/spin",
        world: "spin2",
        imports: { default: async | trappable },
        with: { "fermyon:spin/key-value@2.0.0.store": crate::wasi::keyvalue::bucket::Bucket },
        trappable_error_type: { "fermyon:spin/key-value@2.0.0.error" => crate::wasi::keyvalue::bucket::KeyValueError },
    });
}

/// Links the interface, even for a handler without a store. Such a handler gets an error when it opens a store.
pub(crate) fn link<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> KeyValueView<'_>,
) -> wasmtime::Result<()> {
    interface::add_to_linker::<T, HasKeyValue>(linker, view)
}

type Outcome<T> = Result<T, KeyValueError>;

impl interface::Host for KeyValueView<'_> {
    fn convert_error(&mut self, error: KeyValueError) -> wasmtime::Result<interface::Error> {
        match error {
            KeyValueError::NoSuchStore => Ok(interface::Error::NoSuchStore),
            KeyValueError::AccessDenied => Ok(interface::Error::AccessDenied),
            KeyValueError::Other(reason) => Ok(interface::Error::Other(reason)),
            KeyValueError::Trap(error) => Err(error),
        }
    }
}

impl interface::HostStore for KeyValueView<'_> {
    async fn open(&mut self, label: String) -> Outcome<Resource<Bucket>> {
        let bucket = self.open_bucket(&label)?;
        Ok(self.table.push(bucket)?)
    }

    async fn get(&mut self, store: Resource<Bucket>, key: String) -> Outcome<Option<Vec<u8>>> {
        self.bucket(&store)?.get(key).await
    }

    async fn set(&mut self, store: Resource<Bucket>, key: String, value: Vec<u8>) -> Outcome<()> {
        self.bucket(&store)?.set(key, value).await
    }

    async fn delete(&mut self, store: Resource<Bucket>, key: String) -> Outcome<()> {
        self.bucket(&store)?.delete(key).await
    }

    async fn exists(&mut self, store: Resource<Bucket>, key: String) -> Outcome<bool> {
        self.bucket(&store)?.exists(key).await
    }

    async fn get_keys(&mut self, store: Resource<Bucket>) -> Outcome<Vec<String>> {
        self.bucket(&store)?.keys().await
    }

    async fn drop(&mut self, store: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}
