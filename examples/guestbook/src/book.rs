//! The stored entries: each under its number, and the number of the last one.

use belljar_guest::Error;

use crate::entry::Entry;
use crate::store::Store;

pub struct Book<S> {
    store: S,
}

/// The entries of one page, latest first.
#[derive(Debug)]
pub struct Page {
    pub entries: Vec<(u64, Entry)>,
    /// Where the next page begins; None if there is none.
    pub older: Option<u64>,
}

impl<S: Store> Book<S> {
    pub fn new(store: S) -> Book<S> {
        Book { store }
    }

    /// Stores an entry and returns its number. The oldest entry is removed, so that the book does not grow without limit.
    pub fn add(&self, entry: &Entry) -> Result<u64, Error> {
        let number = self.store.increment(LAST, 1)?;
        self.store.set(&key(number), &serde_json::to_vec(entry)?)?;
        if let Some(oldest) = number.checked_sub(KEPT) {
            self.store.delete(&key(oldest))?;
        }
        Ok(number)
    }

    /// The entries before a number, or the latest ones.
    pub fn page(&self, before: Option<u64>) -> Result<Page, Error> {
        let last = self.last()?;
        let first_kept = last.saturating_sub(KEPT - 1).max(1);
        let end = before.unwrap_or(u64::MAX).min(last.saturating_add(1));
        let start = end.saturating_sub(SHOWN).max(first_kept);
        let keys: Vec<String> = (start..end).rev().map(key).collect();
        if keys.is_empty() {
            return Ok(Page {
                entries: Vec::new(),
                older: None,
            });
        }
        let mut entries = Vec::new();
        for (key, value) in self.store.get_many(&keys)? {
            let number = key
                .strip_prefix(PREFIX)
                .and_then(|number| number.parse().ok());
            // An entry that is being written, or that another version of this handler wrote, is not shown.
            if let (Some(number), Ok(entry)) = (number, serde_json::from_slice(&value)) {
                entries.push((number, entry));
            }
        }
        let older = (start > first_kept).then_some(start);
        Ok(Page { entries, older })
    }

    /// The number of the last entry; 0 if there is none.
    fn last(&self) -> Result<u64, Error> {
        let Some(digits) = self.store.get(LAST)? else {
            return Ok(0);
        };
        match str::from_utf8(&digits).map(str::parse) {
            Ok(Ok(number)) => Ok(number),
            // The host chooses the format of the number. If it is not decimal, an increment by 0 returns it, at the cost of a
            // write.
            _ => self.store.increment(LAST, 0),
        }
    }
}

fn key(number: u64) -> String {
    format!("{PREFIX}{number}")
}

const PREFIX: &str = "entry/";

/// The key of the number of the last entry.
const LAST: &str = "last";

/// The number of entries on a page.
pub const SHOWN: u64 = 20;

/// The number of entries in the book.
pub const KEPT: u64 = 1000;
