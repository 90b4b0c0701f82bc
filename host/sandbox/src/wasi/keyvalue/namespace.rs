//! The namespace of a handler in a store: reads and changes its entries within its limits.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use sha2::{Digest, Sha256};

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
    /// As `Increment`, for numbers that may be negative.
    Add(String, i64),
    /// Sets a value if the one before it has this digest, or does not exist.
    Swap {
        key: String,
        expected: Option<ValueDigest>,
        value: Vec<u8>,
    },
}

/// The result of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    Done,
    Sum(u64),
    SignedSum(i64),
    /// The value was another one than expected, so nothing changed.
    Unexpected,
}

/// A digest of a value, to recognize it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ValueDigest([u8; 32]);

impl ValueDigest {
    pub fn of(value: &[u8]) -> Self {
        Self(Sha256::digest(value).into())
    }
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

    /// Makes a change. A rejected change does not alter the entries. After an error the transaction must be aborted.
    pub fn change(
        &self,
        transaction: &WriteTransaction,
        bucket: &str,
        change: Change,
    ) -> Result<Result<Changed, Rejected>, redb::Error> {
        let done = |()| Changed::Done;
        match change {
            Change::Set(entries) => Ok(self.set(transaction, bucket, entries)?.map(done)),
            Change::Delete(keys) => Ok(Ok(done(self.delete(transaction, bucket, &keys)?))),
            Change::Increment(key, delta) => {
                let sum = self.add(transaction, bucket, key, delta)?;
                Ok(sum.map(Changed::Sum))
            }
            Change::Add(key, delta) => {
                let sum = self.add(transaction, bucket, key, delta)?;
                Ok(sum.map(Changed::SignedSum))
            }
            Change::Swap {
                key,
                expected,
                value,
            } => {
                let name = self.entries_name();
                let current = {
                    let entries = transaction.open_table(entries_table(&name))?;
                    let entry = entries.get((bucket, key.as_str()))?;
                    entry.map(|entry| ValueDigest::of(entry.value().1))
                };
                if current != expected {
                    return Ok(Ok(Changed::Unexpected));
                }
                Ok(self.set(transaction, bucket, vec![(key, value)])?.map(done))
            }
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

    fn add<N: Number>(
        &self,
        transaction: &WriteTransaction,
        bucket: &str,
        key: String,
        delta: N,
    ) -> Result<Result<N, Rejected>, redb::Error> {
        let name = self.entries_name();
        let current = {
            let entries = transaction.open_table(entries_table(&name))?;
            let entry = entries.get((bucket, key.as_str()))?;
            match &entry {
                None => Some(N::default()),
                Some(entry) => str::from_utf8(entry.value().1)
                    .ok()
                    .and_then(|digits| digits.parse::<N>().ok()),
            }
        };
        let Some(current) = current else {
            return Ok(Err(Rejected(format!(
                "the value of `{}` cannot be incremented: it is not {}",
                excerpt(&key),
                N::KIND
            ))));
        };
        let Some(sum) = current.plus(delta) else {
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

/// A number that a value can be, in decimal digits.
trait Number: Copy + Default + FromStr + fmt::Display {
    /// What a value has to be, for messages.
    const KIND: &str;

    fn plus(self, delta: Self) -> Option<Self>;
}

impl Number for u64 {
    const KIND: &str = "an unsigned decimal number of 64 bits";

    fn plus(self, delta: Self) -> Option<Self> {
        self.checked_add(delta)
    }
}

impl Number for i64 {
    const KIND: &str = "a signed decimal number of 64 bits";

    fn plus(self, delta: Self) -> Option<Self> {
        self.checked_add(delta)
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

        fn change(&self, bucket: &str, change: Change) -> Result<Changed, Rejected> {
            let transaction = self.database.begin_write().unwrap();
            let outcome = self.namespace.change(&transaction, bucket, change).unwrap();
            transaction.commit().unwrap();
            outcome
        }

        fn set(&self, bucket: &str, key: &str, value: &[u8]) -> Result<Changed, Rejected> {
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
        assert_eq!(add("n", 5), Ok(Changed::Sum(5)));
        assert_eq!(add("n", 0), Ok(Changed::Sum(5)));
        assert_eq!(add("n", 37), Ok(Changed::Sum(42)));
        assert_eq!(fixture.get("a", "n"), Some(b"42".to_vec()));
        add("n", u64::MAX).unwrap_err();
        assert_eq!(fixture.get("a", "n"), Some(b"42".to_vec()));
        for value in ["", "many", "-1", "18446744073709551616"] {
            fixture.set("a", "n", value.as_bytes()).unwrap();
            add("n", 1).unwrap_err();
        }
        let add = |key: &str, delta| fixture.change("a", Change::Add(key.into(), delta));
        assert_eq!(add("m", -5), Ok(Changed::SignedSum(-5)));
        assert_eq!(fixture.get("a", "m"), Some(b"-5".to_vec()));
        add("m", i64::MIN).unwrap_err();
        assert_eq!(add("m", 7), Ok(Changed::SignedSum(2)));
    }

    #[test]
    fn swaps_only_the_expected_value() {
        let fixture = Fixture::new(100);
        let swap = |expected: Option<&[u8]>, value: &[u8]| {
            let change = Change::Swap {
                key: "k".into(),
                expected: expected.map(ValueDigest::of),
                value: value.into(),
            };
            fixture.change("a", change)
        };
        assert_eq!(swap(Some(b""), b"1"), Ok(Changed::Unexpected));
        assert_eq!(swap(None, b"1"), Ok(Changed::Done));
        assert_eq!(swap(None, b"2"), Ok(Changed::Unexpected));
        assert_eq!(swap(Some(b"2"), b"3"), Ok(Changed::Unexpected));
        assert_eq!(fixture.get("a", "k"), Some(b"1".to_vec()));
        assert_eq!(swap(Some(b"1"), b"2"), Ok(Changed::Done));
        assert_eq!(fixture.get("a", "k"), Some(b"2".to_vec()));
        // The limits hold as for other changes.
        swap(Some(b"2"), &[0; 100]).unwrap_err();
        assert_eq!(fixture.get("a", "k"), Some(b"2".to_vec()));
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
