//! The key-value store.

use belljar_guest::Error;

pub trait Store {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;
    /// The values of the keys that exist, in the order of the keys.
    fn get_many(&self, keys: &[String]) -> Result<Vec<(String, Vec<u8>)>, Error>;
    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error>;
    fn delete(&self, key: &str) -> Result<(), Error>;
    /// Adds to a stored number and returns the sum. No two calls get the same sum.
    fn increment(&self, key: &str, delta: u64) -> Result<u64, Error>;
}

#[cfg(target_family = "wasm")]
pub use granted::granted;

#[cfg(target_family = "wasm")]
mod granted {
    use belljar_guest::Error;

    use super::Store;
    use wasi::keyvalue::store::{self, Bucket};
    use wasi::keyvalue::{atomics, batch};

    wit_bindgen::generate!({
        path: "wit",
        world: "guestbook",
        generate_all,
        // These bindings are separate from those of belljar-guest.
        type_section_suffix: "guestbook",
    });

    /// The store that the operator granted.
    pub fn granted() -> Result<Bucket, Error> {
        store::open("guestbook").map_err(|error| match error {
            store::Error::AccessDenied => Error::new(
                503,
                "the guestbook needs a store: belljar serve --handler guestbook.wasm --store guestbook.db",
            ),
            error => failed(error),
        })
    }

    impl Store for Bucket {
        fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
            Bucket::get(self, key).map_err(failed)
        }

        fn get_many(&self, keys: &[String]) -> Result<Vec<(String, Vec<u8>)>, Error> {
            let values = batch::get_many(self, keys).map_err(failed)?;
            Ok(values.into_iter().flatten().collect())
        }

        fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
            Bucket::set(self, key, value).map_err(failed)
        }

        fn delete(&self, key: &str) -> Result<(), Error> {
            Bucket::delete(self, key).map_err(failed)
        }

        fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
            atomics::increment(self, key, delta).map_err(failed)
        }
    }

    fn failed(error: store::Error) -> Error {
        Error::new(503, format!("the store failed: {error:?}"))
    }
}
