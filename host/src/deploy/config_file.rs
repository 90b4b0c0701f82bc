//! Notices when the configuration file changes.

use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;

pub(super) struct ConfigFile {
    path: PathBuf,
    /// The fingerprint at the last poll.
    seen: Option<Fingerprint>,
    /// The fingerprint when the file was last read.
    read: Option<Fingerprint>,
}

impl ConfigFile {
    /// `path` was just read.
    pub fn new(path: PathBuf) -> Self {
        let fingerprint = Fingerprint::of(&path);
        Self {
            path,
            seen: fingerprint.clone(),
            read: fingerprint,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file must be read again: it changed, and two polls in a row found the same. With `at_once`, always.
    pub fn poll(&mut self, at_once: bool) -> bool {
        let now = Fingerprint::of(&self.path);
        let is_settled = now == self.seen;
        self.seen.clone_from(&now);
        let is_due = at_once || is_settled && now != self.read;
        if is_due {
            self.read = now;
        }
        is_due
    }
}
