//! The file that a guest opened last. Guests ask about it next: its attributes, and the files beside it.

use std::fs::File as OsFile;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, fstat, statat};
use wasmtime_wasi::filesystem::{Dir, File};
use wasmtime_wasi::p2::bindings::filesystem::types::DescriptorStat;

use super::negative_cache::Snapshot;

/// The file that a guest opened last.
pub(crate) struct LastOpened {
    /// Weak, so that the file closes when the guest closes it.
    file: Weak<OsFile>,
    /// Its attributes when it was opened. Used once, because they may change.
    stat: Option<DescriptorStat>,
    directory: Arc<OsFile>,
    path: String,
    /// The folder of the file, and when it was looked at.
    folder: Option<(Snapshot, Instant)>,
}

impl LastOpened {
    pub fn new(file: &File, stat: DescriptorStat, directory: &Dir, path: String) -> Self {
        Self {
            file: Arc::downgrade(&file.file),
            stat: Some(stat),
            directory: directory.dir.clone(),
            path,
            folder: None,
        }
    }

    /// The attributes found when the file was opened, if `file` is that file and this is the first question.
    pub fn take_stat(&mut self, file: &File) -> Option<DescriptorStat> {
        match Arc::as_ptr(&file.file) == self.file.as_ptr() {
            true => self.stat.take(),
            false => None,
        }
    }

    /// A snapshot of the folder of the file, if `path` from `directory` leads to that folder.
    pub fn folder(&mut self, directory: &Dir, path: &str) -> Option<Snapshot> {
        if !Arc::ptr_eq(&self.directory, &directory.dir) || split(&self.path).0 != path {
            return None;
        }
        match self.folder {
            Some((snapshot, taken)) if taken.elapsed() < MOMENT => Some(snapshot),
            _ => {
                let stat = match path {
                    "" => fstat(&*directory.dir),
                    path => statat(&*directory.dir, path, AtFlags::empty()),
                };
                let snapshot = Snapshot::new(&stat.ok()?);
                self.folder = Some((snapshot, Instant::now()));
                Some(snapshot)
            }
        }
    }
}

/// Splits a path into its folder and its name there.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// How long a snapshot of a folder counts as current: for some lookups in a row.
const MOMENT: Duration = Duration::from_millis(1);
