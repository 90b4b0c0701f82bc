//! Compares components by content, so that an unchanged component is neither compiled nor loaded again.

use std::hash::{BuildHasher, RandomState};

/// Length and keyed hash of a component. Hashes of two [`ContentHasher`]s must not be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ContentHash {
    length: usize,
    hash: u64,
}

/// Hashes with a random key, so that an attacker cannot construct two components with the same hash.
#[derive(Default)]
pub(super) struct ContentHasher(RandomState);

impl ContentHasher {
    pub fn hash(&self, bytes: &[u8]) -> ContentHash {
        ContentHash {
            length: bytes.len(),
            hash: self.0.hash_one(bytes),
        }
    }
}
