//! Compares handlers by the content of their components, so that an unchanged one is neither compiled nor loaded again.

use std::hash::{BuildHasher, RandomState};

use belljar_sandbox::Chain;

/// Length and keyed hash of a component and its middleware. Hashes of two [`ContentHasher`]s must not be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ContentHash {
    length: usize,
    hash: u64,
}

/// Hashes with a random key, so that an attacker cannot construct two components with the same hash.
#[derive(Default)]
pub(super) struct ContentHasher(RandomState);

impl ContentHasher {
    pub fn hash(&self, chain: &Chain<'_>) -> ContentHash {
        let parts: Vec<_> = chain.parts().collect();
        ContentHash {
            length: chain.size(),
            hash: self.0.hash_one(parts),
        }
    }
}
