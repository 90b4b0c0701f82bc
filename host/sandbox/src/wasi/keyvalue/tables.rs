//! The tables of a store's file.

use redb::{ReadableTable, TableDefinition, TableError, WriteTransaction};

use super::limits::StoreLimits;

/// What a handler keeps at present, in bytes, and the number for its next key.
pub(super) struct Usage {
    pub bytes: u64,
    pub next: u64,
}

impl Usage {
    pub fn of(transaction: &WriteTransaction, handler: &str) -> Result<Self, redb::Error> {
        let table = transaction.open_table(USAGE)?;
        let usage = table.get(handler)?;
        let (bytes, next) = usage.map_or((0, 0), |usage| usage.value());
        Ok(Self { bytes, next })
    }

    pub fn save(&self, transaction: &WriteTransaction, handler: &str) -> Result<(), redb::Error> {
        let mut table = transaction.open_table(USAGE)?;
        table.insert(handler, (self.bytes, self.next))?;
        Ok(())
    }
}

pub(super) fn cost(bucket: &str, key: &str, value: &[u8]) -> u64 {
    let bytes = bucket.len() + key.len() + value.len();
    bytes as u64 + StoreLimits::ENTRY_COST
}

/// By bucket and key: the number of the key, and the value.
pub(super) fn entries_table(
    name: &str,
) -> TableDefinition<'_, (&'static str, &'static str), (u64, &'static [u8])> {
    TableDefinition::new(name)
}

/// By bucket and number: the key. A page of keys can begin anywhere without a walk to it.
pub(super) fn keys_table(name: &str) -> TableDefinition<'_, (&'static str, u64), &'static str> {
    TableDefinition::new(name)
}

/// A table is there from its first entry on.
pub(super) fn if_exists<T>(table: Result<T, TableError>) -> Result<Option<T>, TableError> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// By handler: the bytes that it keeps, and the number for its next key.
const USAGE: TableDefinition<&str, (u64, u64)> = TableDefinition::new("usage");
