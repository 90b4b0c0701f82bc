//! What tells one component's bytes from another's.

use std::hash::{BuildHasher, RandomState};

/// Stands for some bytes, in this process alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ContentHash {
    length: usize,
    hash: u64,
}

/// Tells contents from each other by a key of its own: nobody can make two that look the same.
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
