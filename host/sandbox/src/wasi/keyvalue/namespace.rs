//! The namespace of a handler in a store: reads and changes its entries within its limits.

use std::collections::HashMap;

use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::limits::StoreLimits;
use super::rejected::{Rejected, excerpt};
use super::tables::{Usage, cost, entries_table, if_exists, keys_table};

/// The part of a store that belongs to one handler.
#[derive(Debug, Clone)]
pub(super) struct Namespace {
    pub handler: String,
    pub limits: StoreLimits,
}

/// A change to a bucket. Either all of it happens or nothing.
#[derive(Debug)]
pub(super) enum Change {
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
    /// Adds to a value, which is a number in decimal digits. A missing value counts as 0.
    Increment(String, u64),
}

/// One page of the keys of a bucket.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct KeyPage {
    pub keys: Vec<String>,
    /// The number at which the next page begins. None after the last page.
    pub next: Option<u64>,
}

impl Namespace {
    /// The value of a key.
    pub fn get(
        &self,
        transaction: &ReadTransaction,
        bucket: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, redb::Error> {
        let name = self.entries_name();
        let Some(entries) = if_exists(transaction.open_table(entries_table(&name)))? else {
            return Ok(None);
        };
        let entry = entries.get((bucket, key))?;
        Ok(entry.map(|entry| entry.value().1.to_vec()))
    }

    /// Whether a key has a value.
    pub fn exists(
        &self,
        transaction: &ReadTransaction,
        bucket: &str,
        key: &str,
    ) -> Result<bool, redb::Error> {
        let name = self.entries_name();
        match if_exists(transaction.open_table(entries_table(&name)))? {
            Some(entries) => Ok(entries.get((bucket, key))?.is_some()),
            None => Ok(false),
        }
    }

    /// A page of the keys in the order in which they were first set, beginning at the number `from`.
    pub fn list(
        &self,
        transaction: &ReadTransaction,
        bucket: &str,
        from: u64,
    ) -> Result<KeyPage, redb::Error> {
        let name = self.keys_name();
        let mut page = KeyPage::default();
        let Some(keys) = if_exists(transaction.open_table(keys_table(&name)))? else {
            return Ok(page);
        };
        let mut bytes = 0;
        for entry in keys.range((bucket, from)..=(bucket, u64::MAX))? {
            let (number, key) = entry?;
            let key = key.value();
            bytes += key.len();
            if page.keys.len() == MAX_PAGE_KEYS || bytes > MAX_PAGE_BYTES && !page.keys.is_empty() {
                page.next = Some(number.value().1);
                break;
            }
            page.keys.push(key.to_owned());
        }
        Ok(page)
    }

    /// Makes a change, and returns the sum of an increment or 0.
    ///
    /// A rejected change does not alter the entries. After an error the transaction must be aborted.
    pub fn change(
        &self,
        transaction: &WriteTransaction,
        bucket: &str,
        change: Change,
    ) -> Result<Result<u64, Rejected>, redb::Error> {
        match change {
            Change::Set(entries) => Ok(self.set(transaction, bucket, entries)?.map(|()| 0)),
            Change::Delete(keys) => self.delete(transaction, bucket, &keys).map(|()| Ok(0)),
            Change::Increment(key, delta) => self.increment(transaction, bucket, key, delta),
        }
    }

    fn set(
        &self,
        transaction: &WriteTransaction,
        bucket: &str,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<(), Rejected>, redb::Error> {
        for (key, value) in &entries {
            if let Err(rejected) = self.limits.check(key, value) {
                return Ok(Err(rejected));
            }
        }
        // If a key occurs more than once, its last value counts.
        let entries: HashMap<String, Vec<u8>> = entries.into_iter().collect();
        let (entries_name, keys_name) = (self.entries_name(), self.keys_name());
        let mut table = transaction.open_table(entries_table(&entries_name))?;
        let mut usage = Usage::of(transaction, &self.handler)?;
        let before = usage.bytes;
        let mut numbers = HashMap::new();
        for (key, value) in &entries {
            match table.get((bucket, key.as_str()))? {
                Some(old) => {
                    let (number, old) = old.value();
                    usage.bytes = usage.bytes.saturating_sub(cost(bucket, key, old));
                    numbers.insert(key.clone(), number);
                }
                None => {
                    numbers.insert(key.clone(), usage.next);
                    usage.next += 1;
                }
            }
            usage.bytes = usage.bytes.saturating_add(cost(bucket, key, value));
        }
        let limit = self.limits.max_bytes;
        if usage.bytes > limit && usage.bytes > before {
            let (handler, wanted) = (&self.handler, usage.bytes);
            return Ok(Err(Rejected(format!(
                "the store of `{handler}` is full: it would hold {wanted} bytes, more than the limit of {limit} \
                 (--store-max-bytes)"
            ))));
        }
        let mut keys = transaction.open_table(keys_table(&keys_name))?;
        for (key, value) in &entries {
            // Every key has a number: the loop above inserted it.
            let number = numbers.get(key).copied().unwrap_or_default();
            let old = table.insert((bucket, key.as_str()), (number, value.as_slice()))?;
            if old.is_none() {
                keys.insert((bucket, number), key.as_str())?;
            }
        }
        usage.save(transaction, &self.handler)?;
        Ok(Ok(()))
    }

    fn delete(
        &self,
        transaction: &WriteTransaction,
        bucket: &str,
        deleted: &[String],
    ) -> Result<(), redb::Error> {
        let (entries_name, keys_name) = (self.entries_name(), self.keys_name());
        let mut entries = transaction.open_table(entries_table(&entries_name))?;
        let mut keys = transaction.open_table(keys_table(&keys_name))?;
        let mut usage = Usage::of(transaction, &self.handler)?;
        for key in deleted {
            if let Some(old) = entries.remove((bucket, key.as_str()))? {
                let (number, value) = old.value();
                usage.bytes = usage.bytes.saturating_sub(cost(bucket, key, value));
                keys.remove((bucket, number))?;
            }
        }
        usage.save(transaction, &self.handler)
    }

    fn increment(
        &self,
        transaction: &WriteTransaction,
        bucket: &str,
        key: String,
        delta: u64,
    ) -> Result<Result<u64, Rejected>, redb::Error> {
        let name = self.entries_name();
        let current = {
            let entries = transaction.open_table(entries_table(&name))?;
            let entry = entries.get((bucket, key.as_str()))?;
            match &entry {
                None => Some(0),
                Some(entry) => str::from_utf8(entry.value().1)
                    .ok()
                    .and_then(|digits| digits.parse::<u64>().ok()),
            }
        };
        let Some(current) = current else {
            return Ok(Err(Rejected(format!(
                "the value of `{}` cannot be incremented: it is not an unsigned decimal number of 64 bits",
                excerpt(&key)
            ))));
        };
        let Some(sum) = current.checked_add(delta) else {
            return Ok(Err(Rejected(format!(
                "the value of `{}` cannot be incremented: {current} + {delta} exceeds 64 bits",
                excerpt(&key)
            ))));
        };
        let entry = (key, sum.to_string().into_bytes());
        Ok(self.set(transaction, bucket, vec![entry])?.map(|()| sum))
    }

    fn entries_name(&self) -> String {
        format!("entries/{}", self.handler)
    }

    fn keys_name(&self) -> String {
        format!("keys/{}", self.handler)
    }
}

/// The most keys in a page.
const MAX_PAGE_KEYS: usize = 1000;

/// The most bytes of the keys in a page. A single key may be larger.
const MAX_PAGE_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;
    use redb::{Database, ReadableDatabase};

    use super::*;

    struct Fixture {
        database: Database,
        namespace: Namespace,
    }

    impl Fixture {
        fn new(max_bytes: u64) -> Self {
            let backend = InMemoryBackend::new();
            let database = Database::builder().create_with_backend(backend).unwrap();
            let limits = StoreLimits {
                max_bytes,
                ..StoreLimits::default()
            };
            let handler = "test".into();
            Self {
                database,
                namespace: Namespace { handler, limits },
            }
        }

        fn change(&self, bucket: &str, change: Change) -> Result<u64, Rejected> {
            let transaction = self.database.begin_write().unwrap();
            let outcome = self.namespace.change(&transaction, bucket, change).unwrap();
            transaction.commit().unwrap();
            outcome
        }

        fn set(&self, bucket: &str, key: &str, value: &[u8]) -> Result<u64, Rejected> {
            self.change(bucket, Change::Set(vec![(key.into(), value.into())]))
        }

        fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
            let transaction = self.database.begin_read().unwrap();
            self.namespace.get(&transaction, bucket, key).unwrap()
        }

        fn list(&self, bucket: &str, from: u64) -> KeyPage {
            let transaction = self.database.begin_read().unwrap();
            self.namespace.list(&transaction, bucket, from).unwrap()
        }

        fn used(&self) -> u64 {
            let transaction = self.database.begin_write().unwrap();
            Usage::of(&transaction, "test").unwrap().bytes
        }
    }

    #[test]
    fn separates_buckets_and_handlers() {
        let mut fixture = Fixture::new(1 << 20);
        assert_eq!(fixture.get("a", "key"), None);
        assert_eq!(fixture.list("a", 0), KeyPage::default());
        fixture.set("a", "key", b"1").unwrap();
        fixture.set("b", "key", b"2").unwrap();
        assert_eq!(fixture.get("a", "key"), Some(b"1".to_vec()));
        assert_eq!(fixture.list("b", 0).keys, ["key"]);
        fixture.namespace.handler = "other".into();
        assert_eq!(fixture.get("a", "key"), None);
        fixture.set("a", "key", b"3").unwrap();
        fixture.namespace.handler = "test".into();
        assert_eq!(fixture.get("a", "key"), Some(b"1".to_vec()));
    }

    #[test]
    fn counts_and_limits_stored_bytes() {
        let fixture = Fixture::new(300);
        let entry = 1 + 1 + 3 + StoreLimits::ENTRY_COST;
        fixture.set("a", "x", b"123").unwrap();
        assert_eq!(fixture.used(), entry);
        fixture.set("a", "x", b"456").unwrap();
        assert_eq!(fixture.used(), entry);
        fixture.set("a", "x", b"").unwrap();
        assert_eq!(fixture.used(), entry - 3);
        let full = fixture.set("a", "y", &[0; 200]).unwrap_err();
        assert!(full.0.contains("--store-max-bytes"), "{full:?}");
        assert_eq!((fixture.get("a", "y"), fixture.used()), (None, entry - 3));

        // A change is rejected as a whole, and a key that is set twice counts once.
        let many =
            |count: usize| Change::Set((0..count).map(|n| (n.to_string(), vec![0; 10])).collect());
        fixture.change("a", many(9)).unwrap_err();
        assert_eq!(fixture.get("a", "0"), None);
        let twice = vec![("y".into(), vec![0; 100]), ("y".into(), vec![1; 100])];
        fixture.change("a", Change::Set(twice)).unwrap();
        assert_eq!(fixture.get("a", "y"), Some(vec![1; 100]));

        // A change that does not increase the usage is always allowed.
        let mut fixture = fixture;
        fixture.namespace.limits.max_bytes = 10;
        fixture.set("a", "y", &[2; 50]).unwrap();
        fixture.set("a", "y", &[2; 51]).unwrap_err();
        let all = vec!["x".into(), "y".into(), "missing".into()];
        fixture.change("a", Change::Delete(all)).unwrap();
        assert_eq!(
            (fixture.used(), fixture.list("a", 0)),
            (0, KeyPage::default())
        );
    }

    #[test]
    fn rejects_large_keys_and_values() {
        let fixture = Fixture::new(u64::MAX);
        let StoreLimits {
            max_key, max_value, ..
        } = fixture.namespace.limits;
        fixture.set("a", &"k".repeat(max_key), b"").unwrap();
        let key = fixture.set("a", &"k".repeat(max_key + 1), b"").unwrap_err();
        assert!(key.0.contains("--store-max-key"), "{key:?}");
        fixture.set("a", "k", &vec![0; max_value]).unwrap();
        let value = fixture.set("a", "k", &vec![0; max_value + 1]).unwrap_err();
        assert!(value.0.contains("--store-max-value"), "{value:?}");
    }

    #[test]
    fn increments_only_decimal_numbers() {
        let fixture = Fixture::new(1 << 20);
        let add = |key: &str, delta| fixture.change("a", Change::Increment(key.into(), delta));
        assert_eq!(add("n", 5), Ok(5));
        assert_eq!(add("n", 0), Ok(5));
        assert_eq!(add("n", 37), Ok(42));
        assert_eq!(fixture.get("a", "n"), Some(b"42".to_vec()));
        add("n", u64::MAX).unwrap_err();
        assert_eq!(fixture.get("a", "n"), Some(b"42".to_vec()));
        for value in ["", "many", "-1", "18446744073709551616"] {
            fixture.set("a", "n", value.as_bytes()).unwrap();
            add("n", 1).unwrap_err();
        }
    }

    #[test]
    fn lists_keys_in_pages() {
        let fixture = Fixture::new(u64::MAX);
        let keys: Vec<String> = (0..2500).map(|number| format!("key {number}")).collect();
        let entries = keys.iter().map(|key| (key.clone(), Vec::new())).collect();
        fixture.change("a", Change::Set(entries)).unwrap();
        fixture.set("b", "other", b"").unwrap();
        let (mut seen, mut from, mut pages) = (Vec::new(), Some(0), 0);
        while let Some(next) = from {
            let page = fixture.list("a", next);
            assert!(page.keys.len() <= MAX_PAGE_KEYS);
            seen.extend(page.keys);
            from = page.next;
            pages += 1;
            // A deletion between two pages does not shift the other keys.
            let first = seen.first().cloned().unwrap();
            fixture.change("a", Change::Delete(vec![first])).unwrap();
        }
        assert_eq!(pages, 3);
        seen.sort();
        let mut keys = keys;
        keys.sort();
        assert_eq!(seen, keys);
        assert_eq!(fixture.list("a", u64::MAX), KeyPage::default());

        let long = "k".repeat(1000);
        for number in 0..600 {
            fixture.set("c", &format!("{number}{long}"), b"").unwrap();
        }
        let page = fixture.list("c", 0);
        assert!(
            page.next.is_some() && page.keys.len() < 300,
            "{}",
            page.keys.len()
        );
    }
}
