//! Names that were looked for and are not there.
//!
//! For every file that a web server sends it looks for copies of it that are compressed, and most files have none: three
//! lookups for nothing, which cost more than opening the file. So what is not in a folder is remembered, for as long as
//! the folder has not changed: one look at its times answers for all of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

/// The names, by the folder that does not have them.
#[derive(Default)]
pub(crate) struct Absent(Mutex<Folders>);

#[derive(Default)]
struct Folders {
    folders: HashMap<Identity, Folder>,
    /// Of all of them.
    names: usize,
}

struct Folder {
    times: Times,
    names: HashSet<Box<str>>,
}

/// A folder as it was at some moment: any name that comes or goes changes its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    identity: Identity,
    times: Times,
}

/// Device and inode.
type Identity = (u64, u64);

/// Of the last changes of content and of status, in seconds and nanoseconds. The latter cannot be set by hand.
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

    /// Whether the next change is sure to have another time. A file system's clock ticks, on some only every two
    /// seconds, and two changes of one tick look like one.
    fn is_settled(&self) -> bool {
        let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else {
            return false;
        };
        let settled = now.saturating_sub(SETTLED).as_secs();
        self.times
            .iter()
            .all(|(seconds, _)| u64::try_from(*seconds).is_ok_and(|seconds| seconds < settled))
    }
}

impl Absent {
    /// Whether the folder, still as in the snapshot, is known not to have that name.
    pub fn has(&self, folder: &Snapshot, name: &str) -> bool {
        self.lock()
            .folders
            .get(&folder.identity)
            .is_some_and(|known| known.times == folder.times && known.names.contains(name))
    }

    /// To be called after the name was looked for in vain. The snapshot is of before that.
    pub fn learn(&self, folder: &Snapshot, name: &str) {
        if !folder.is_settled() {
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names beyond which all are forgotten: some megabytes.
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
    fn a_name_is_absent_until_its_folder_changes() {
        let absent = Absent::default();
        let before = folder(7, LONG_AGO);
        assert!(!absent.has(&before, "a.gz"));
        absent.learn(&before, "a.gz");
        assert!(absent.has(&before, "a.gz"));
        assert!(!absent.has(&before, "a.br"));
        assert!(!absent.has(&folder(8, LONG_AGO), "a.gz"));
        for times in [[(1_000, 6), (1_000, 5)], [(1_000, 5), (1_000, 6)]] {
            assert!(!absent.has(&folder(7, times), "a.gz"), "{times:?}");
        }
        let after = folder(7, [(2_000, 0), (2_000, 0)]);
        absent.learn(&after, "b.gz");
        assert!(absent.has(&after, "b.gz"));
        assert!(!absent.has(&after, "a.gz"));
        assert!(!absent.has(&before, "a.gz"));
    }

    #[test]
    fn a_folder_that_changed_just_now_is_not_trusted() {
        let absent = Absent::default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seconds = i64::try_from(now.as_secs()).unwrap();
        for times in [
            [(seconds, 0), (seconds, 0)],
            [(1_000, 0), (seconds, 0)],
            [(seconds + 1_000, 0), (1_000, 0)],
            [(-5, 0), (1_000, 0)],
        ] {
            absent.learn(&folder(7, times), "a.gz");
            assert!(!absent.has(&folder(7, times), "a.gz"), "{times:?}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let absent = Absent::default();
        let folder = folder(7, LONG_AGO);
        for number in 0..=MAX_NAMES {
            absent.learn(&folder, &number.to_string());
        }
        assert!(!absent.has(&folder, "0"));
        assert!(absent.has(&folder, &MAX_NAMES.to_string()));
    }
}
