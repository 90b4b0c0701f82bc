//! `spin:key-value/key-value@3.0.0`, the key-value store of handlers made for Spin 4. Its functions are asynchronous, as in
//! WASI 0.3.

use wasmtime::component::{Accessor, FutureReader, Linker, Resource, StreamReader};

use self::bindings::spin::key_value::key_value as interface;
use super::bucket::{Bucket, HasKeyValue, KeyValueError, KeyValueView};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/spin",
        world: "spin3",
        imports: { default: trappable },
        with: { "spin:key-value/key-value.store": crate::wasi::keyvalue::bucket::Bucket },
    });
}

/// Links the interface, even for a handler without a store. Such a handler gets an error when it opens a store.
pub(crate) fn link<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> KeyValueView<'_>,
) -> wasmtime::Result<()> {
    interface::add_to_linker::<T, HasKeyValue>(linker, view)
}

type Outcome<T> = wasmtime::Result<Result<T, interface::Error>>;

impl interface::Host for KeyValueView<'_> {}

impl interface::HostStore for KeyValueView<'_> {
    fn drop(&mut self, store: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl<T: Send> interface::HostStoreWithStore<T> for HasKeyValue {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Outcome<Resource<Bucket>> {
        accessor.with(|mut access| {
            let view = access.get();
            outcome(
                view.open_bucket(&label)
                    .and_then(|bucket| Ok(view.table.push(bucket)?)),
            )
        })
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        store: Resource<Bucket>,
        key: String,
    ) -> Outcome<Option<Vec<u8>>> {
        outcome(bucket(accessor, &store)?.get(key).await)
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        store: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Outcome<()> {
        outcome(bucket(accessor, &store)?.set(key, value).await)
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        store: Resource<Bucket>,
        key: String,
    ) -> Outcome<()> {
        outcome(bucket(accessor, &store)?.delete(key).await)
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        store: Resource<Bucket>,
        key: String,
    ) -> Outcome<bool> {
        outcome(bucket(accessor, &store)?.exists(key).await)
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        store: Resource<Bucket>,
    ) -> wasmtime::Result<(
        StreamReader<String>,
        FutureReader<Result<(), interface::Error>>,
    )> {
        let (keys, end) = match outcome(bucket(accessor, &store)?.keys().await)? {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let end = FutureReader::new(&mut access, async move { wasmtime::error::Ok(end) })?;
            Ok((StreamReader::new(&mut access, keys)?, end))
        })
    }
}

fn bucket<T: Send>(
    accessor: &Accessor<T, HasKeyValue>,
    store: &Resource<Bucket>,
) -> wasmtime::Result<Bucket> {
    accessor.with(|mut access| Ok(access.get().table.get(store)?.clone()))
}

/// Separates an error for the guest from a trap.
fn outcome<T>(outcome: Result<T, KeyValueError>) -> Outcome<T> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(KeyValueError::NoSuchStore) => Ok(Err(interface::Error::NoSuchStore)),
        Err(KeyValueError::AccessDenied) => Ok(Err(interface::Error::AccessDenied)),
        Err(KeyValueError::Other(reason)) => Ok(Err(interface::Error::Other(reason))),
        Err(KeyValueError::Trap(error)) => Err(error),
    }
}
