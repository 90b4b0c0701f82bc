//! The entries, and how they are kept: each under its number, beside the number of the last.

use belljar_guest::Error;

use crate::entry::Entry;
use crate::store::Store;

pub struct Book<S> {
    store: S,
}

/// Entries of one page, the latest first.
#[derive(Debug)]
pub struct Page {
    pub entries: Vec<(u64, Entry)>,
    /// Where the next page begins, if there is one.
    pub older: Option<u64>,
}

impl<S: Store> Book<S> {
    pub fn new(store: S) -> Book<S> {
        Book { store }
    }

    /// Keeps an entry, and gives its number. The oldest gives way, so that the book does not grow for ever.
    pub fn add(&self, entry: &Entry) -> Result<u64, Error> {
        let number = self.store.increment(LAST, 1)?;
        self.store.set(&key(number), &serde_json::to_vec(entry)?)?;
        if let Some(oldest) = number.checked_sub(KEPT) {
            self.store.delete(&key(oldest))?;
        }
        Ok(number)
    }

    /// The entries before a number, or the latest.
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
            // One that is being written, or was written by another version of this handler, is not shown.
            if let (Some(number), Ok(entry)) = (number, serde_json::from_slice(&value)) {
                entries.push((number, entry));
            }
        }
        let older = (start > first_kept).then_some(start);
        Ok(Page { entries, older })
    }

    /// The last entry's number; 0 where there is none.
    fn last(&self) -> Result<u64, Error> {
        let Some(digits) = self.store.get(LAST)? else {
            return Ok(0);
        };
        match str::from_utf8(&digits).map(str::parse) {
            Ok(Ok(number)) => Ok(number),
            // Its form is the host's own: then the host has to say. That takes a write, which reading spares.
            _ => self.store.increment(LAST, 0),
        }
    }
}

fn key(number: u64) -> String {
    format!("{PREFIX}{number}")
}

const PREFIX: &str = "entry/";

/// The key of the last entry's number.
const LAST: &str = "last";

/// Entries of a page.
pub const SHOWN: u64 = 20;

/// Entries of the book.
pub const KEPT: u64 = 1000;
