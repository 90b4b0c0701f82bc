//! The addresses that granted names resolved to, for one instance.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The addresses and ports that lookups of an instance have found and checked. It may connect to them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resolved(Arc<Mutex<VecDeque<SocketAddr>>>);

impl Resolved {
    pub fn contains(&self, address: SocketAddr) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(&address)
    }

    pub(super) fn add(&self, address: SocketAddr) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|one| *one != address);
        if known.len() == MAX_KNOWN {
            known.pop_front();
        }
        known.push_back(address);
    }
}

/// The most addresses that are remembered. Beyond it the oldest one is forgotten, so a name whose addresses change all the
/// time needs no more memory.
const MAX_KNOWN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest_address() {
        let resolved = Resolved::default();
        let address = |last: usize| SocketAddr::from(([10, 0, 0, 1], last as u16));
        for number in 0..=MAX_KNOWN {
            resolved.add(address(number));
            resolved.add(address(1));
        }
        assert!(!resolved.contains(address(0)));
        assert!(resolved.contains(address(1)) && resolved.contains(address(MAX_KNOWN)));
        assert_eq!(resolved.0.lock().unwrap().len(), MAX_KNOWN);
    }
}
