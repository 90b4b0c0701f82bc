//! The limits of what a handler stores.

use belljar_http::settings;
use belljar_http::settings::Kind;

use super::rejected::{Rejected, excerpt};

settings! {
    /// How much a handler may store.
    #[derive(Copy)]
    pub struct StoreLimits: "Grants: key-value store", prefix "store-" {
        /// Maximum size of everything that a handler stores. An entry counts as its key, its value, its bucket's name
        /// and 64 bytes.
        pub max_bytes: u64 = 64 << 20, Kind::SIZE, beyond "the handler gets an error";
        /// Maximum size of a key.
        pub max_key: usize = 1 << 10, Kind::SIZE, beyond "the handler gets an error";
        /// Maximum size of a value.
        pub max_value: usize = 1 << 20, Kind::SIZE, beyond "the handler gets an error";
    }
}

impl StoreLimits {
    /// The overhead of an entry in bytes, approximately.
    pub const ENTRY_COST: u64 = 64;

    /// Checks the sizes of a key and its value.
    pub(super) fn check(&self, key: &str, value: &[u8]) -> Result<(), Rejected> {
        let StoreLimits {
            max_key, max_value, ..
        } = *self;
        if key.len() > max_key {
            return Err(Rejected(format!(
                "the key `{}` has {} bytes, more than the limit of {max_key} (--store-max-key)",
                excerpt(key),
                key.len()
            )));
        }
        if value.len() > max_value {
            return Err(Rejected(format!(
                "the value of `{}` has {} bytes, more than the limit of {max_value} (--store-max-value)",
                excerpt(key),
                value.len()
            )));
        }
        Ok(())
    }
}
