//! The tables in the file of a store.

use redb::{ReadableTable, TableDefinition, TableError, WriteTransaction};

use super::limits::StoreLimits;

/// The bytes that a handler stores, and the number for its next key.
pub(super) struct Usage {
    pub bytes: u64,
    pub next: u64,
}

impl Usage {
    /// The usage of a handler, zero if it has stored nothing yet.
    pub fn of(transaction: &WriteTransaction, handler: &str) -> Result<Self, redb::Error> {
        let table = transaction.open_table(USAGE)?;
        let usage = table.get(handler)?;
        let (bytes, next) = usage.map_or((0, 0), |usage| usage.value());
        Ok(Self { bytes, next })
    }

    /// Writes the usage of a handler into the transaction.
    pub fn save(&self, transaction: &WriteTransaction, handler: &str) -> Result<(), redb::Error> {
        let mut table = transaction.open_table(USAGE)?;
        table.insert(handler, (self.bytes, self.next))?;
        Ok(())
    }
}

/// The bytes that an entry counts against the limit of its handler.
pub(super) fn cost(bucket: &str, key: &str, value: &[u8]) -> u64 {
    let bytes = bucket.len() + key.len() + value.len();
    bytes as u64 + StoreLimits::ENTRY_COST
}

/// The entries of a handler. Maps a bucket and a key to the number of the key and the value.
pub(super) fn entries_table(
    name: &str,
) -> TableDefinition<'_, (&'static str, &'static str), (u64, &'static [u8])> {
    TableDefinition::new(name)
}

/// The keys of a handler. Maps a bucket and a number to a key, so that a page of keys can begin at any number.
pub(super) fn keys_table(name: &str) -> TableDefinition<'_, (&'static str, u64), &'static str> {
    TableDefinition::new(name)
}

/// The table, or None if it does not exist: redb creates a table with the first write.
pub(super) fn if_exists<T>(table: Result<T, TableError>) -> Result<Option<T>, TableError> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Maps a handler to the bytes that it stores and the number for its next key.
const USAGE: TableDefinition<&str, (u64, u64)> = TableDefinition::new("usage");
