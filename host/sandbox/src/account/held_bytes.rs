//! Bytes that the host holds for a guest, such as a response that waits for its client.

use std::sync::Arc;

use bytes::Bytes;

use super::ledger::{Account, Exceeded, Held};
use super::resource::Resource;

/// Charges bytes to the memory of an account until the last reference to them is dropped.
///
/// Up to [`UNCHARGED`] bytes are free: they count as part of the buffers that every connection may have.
///
/// # Errors
///
/// If they do not fit into the limits of the account and its parents. The bytes are dropped then.
pub(crate) fn held(bytes: Bytes, account: &Arc<Account>) -> Result<Bytes, Exceeded> {
    if bytes.len() <= UNCHARGED {
        return Ok(bytes);
    }
    let charge = account.hold(Resource::Memory, bytes.len() as u64)?;
    Ok(Bytes::from_owner(Charged {
        bytes,
        _charge: charge,
    }))
}

struct Charged {
    // Dropped first, so that the bytes are free when their charge is.
    bytes: Bytes,
    _charge: Held,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Charging costs more than it is worth for the small responses that most requests have.
pub(crate) const UNCHARGED: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::resource::Scope;

    #[test]
    fn bytes_are_charged_until_the_last_reference_is_dropped() {
        let account = Arc::new(Account::server().child(Scope::Handler));
        account.limit(Resource::Memory, 3 * UNCHARGED as u64);
        let bytes = |length| Bytes::from(vec![0; length]);
        let free = held(bytes(UNCHARGED), &account).unwrap();
        let mut first = held(bytes(2 * UNCHARGED), &account).unwrap();
        let rest = first.split_off(1);
        assert!(held(bytes(UNCHARGED + 1), &account).is_err());
        drop(first);
        assert_eq!(account.used(Resource::Memory), 2 * UNCHARGED as u64);
        drop((rest, free));
        assert_eq!(account.used(Resource::Memory), 0);
    }
}
