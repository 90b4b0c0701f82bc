//! The limits of what a handler stores.

use super::rejected::{Rejected, excerpt};

/// The most that a handler may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Bytes of all entries of a handler. An entry counts as its key, its value, the name of its bucket and
    /// [`ENTRY_COST`](StoreLimits::ENTRY_COST).
    pub max_bytes: u64,
    /// Bytes of a key in UTF-8.
    pub max_key: usize,
    /// Bytes of a value.
    pub max_value: usize,
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

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_key: 1 << 10,
            max_value: 1 << 20,
        }
    }
}
