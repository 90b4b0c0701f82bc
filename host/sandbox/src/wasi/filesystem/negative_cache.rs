//! The negative lookup cache: names that a folder does not have.
//!
//! For every file that it sends, a web server looks for compressed copies, and most files have none: three lookups in vain,
//! which cost more than opening the file. The cache remembers the names that a folder does not have for as long as the folder
//! is unchanged, so that one look at the times of the folder replaces all three.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

/// The names that do not exist, by folder.
pub(crate) struct NegativeCache {
    folders: Mutex<Folders>,
    /// Returns the current time. A test sets a clock of its own, instead of waiting until a folder has settled.
    now: fn() -> SystemTime,
}

#[derive(Default)]
struct Folders {
    folders: HashMap<Identity, Folder>,
    /// The number of names in all folders.
    names: usize,
}

struct Folder {
    times: Times,
    names: HashSet<Box<str>>,
}

/// The state of a folder at some moment. Adding or removing a name changes its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    identity: Identity,
    times: Times,
}

/// Device and inode.
type Identity = (u64, u64);

/// The times of the last changes of content and of status, in seconds and nanoseconds. Users cannot set the latter.
type Times = [(i64, i64); 2];

impl Snapshot {
    #[allow(
        clippy::unnecessary_cast,
        reason = "the fields have other types on other processors"
    )]
    pub fn new(stat: &Stat) -> Self {
        Self {
            identity: (stat.st_dev as u64, stat.st_ino as u64),
            times: [
                (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
                (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            ],
        }
    }

    /// Whether the next change will certainly have another time. The clock of some file systems ticks only every two seconds,
    /// and two changes within one tick have the same time.
    fn is_settled(&self, now: SystemTime) -> bool {
        let Ok(now) = now.duration_since(UNIX_EPOCH) else {
            return false;
        };
        let settled = now.saturating_sub(SETTLED).as_secs();
        self.times
            .iter()
            .all(|(seconds, _)| u64::try_from(*seconds).is_ok_and(|seconds| seconds < settled))
    }
}

impl NegativeCache {
    /// An empty cache with the clock of the system, or of a test.
    pub fn new(now: fn() -> SystemTime) -> Self {
        Self {
            folders: Mutex::default(),
            now,
        }
    }

    /// Whether the folder, still as in the snapshot, is known not to have this name.
    pub fn contains(&self, folder: &Snapshot, name: &str) -> bool {
        self.lock()
            .folders
            .get(&folder.identity)
            .is_some_and(|known| known.times == folder.times && known.names.contains(name))
    }

    /// Remembers that the folder does not have this name. The snapshot was taken before the name was looked up.
    pub fn insert(&self, folder: &Snapshot, name: &str) {
        if !folder.is_settled((self.now)()) {
            return;
        }
        let mut all = self.lock();
        if all.names >= MAX_NAMES {
            *all = Folders::default();
        }
        let known = all
            .folders
            .entry(folder.identity)
            .or_insert_with(|| Folder {
                times: folder.times,
                names: HashSet::new(),
            });
        if known.times != folder.times {
            let forgotten = known.names.len();
            *known = Folder {
                times: folder.times,
                names: HashSet::from([name.into()]),
            };
            all.names = all.names - forgotten + 1;
        } else if known.names.insert(name.into()) {
            all.names += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Folders> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most names, some megabytes. Beyond it the cache forgets all of them.
const MAX_NAMES: usize = 1 << 16;

const SETTLED: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_AGO: Times = [(1_000, 5), (1_000, 5)];

    fn folder(ino: u64, times: Times) -> Snapshot {
        Snapshot {
            identity: (1, ino),
            times,
        }
    }

    #[test]
    fn remembers_a_name_until_its_folder_changes() {
        let cache = NegativeCache::new(SystemTime::now);
        let before = folder(7, LONG_AGO);
        assert!(!cache.contains(&before, "a.gz"));
        cache.insert(&before, "a.gz");
        assert!(cache.contains(&before, "a.gz"));
        assert!(!cache.contains(&before, "a.br"));
        assert!(!cache.contains(&folder(8, LONG_AGO), "a.gz"));
        for times in [[(1_000, 6), (1_000, 5)], [(1_000, 5), (1_000, 6)]] {
            assert!(!cache.contains(&folder(7, times), "a.gz"), "{times:?}");
        }
        let after = folder(7, [(2_000, 0), (2_000, 0)]);
        cache.insert(&after, "b.gz");
        assert!(cache.contains(&after, "b.gz"));
        assert!(!cache.contains(&after, "a.gz"));
        assert!(!cache.contains(&before, "a.gz"));
    }

    #[test]
    fn does_not_trust_a_folder_that_changed_just_now() {
        let cache = NegativeCache::new(|| UNIX_EPOCH + Duration::from_secs(10_000));
        let settled = folder(7, [(9_996, 0), (9_996, 0)]);
        cache.insert(&settled, "a.gz");
        assert!(cache.contains(&settled, "a.gz"));
        let seconds = 9_997;
        for times in [
            [(seconds, 0), (seconds, 0)],
            [(1_000, 0), (seconds, 0)],
            [(seconds + 1_000, 0), (1_000, 0)],
            [(-5, 0), (1_000, 0)],
        ] {
            cache.insert(&folder(7, times), "a.gz");
            assert!(!cache.contains(&folder(7, times), "a.gz"), "{times:?}");
        }
    }

    #[test]
    fn remembers_a_bounded_number_of_names() {
        let cache = NegativeCache::new(SystemTime::now);
        let folder = folder(7, LONG_AGO);
        for number in 0..=MAX_NAMES {
            cache.insert(&folder, &number.to_string());
        }
        assert!(!cache.contains(&folder, "0"));
        assert!(cache.contains(&folder, &MAX_NAMES.to_string()));
    }
}
