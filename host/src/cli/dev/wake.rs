//! Waits until something may have changed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Why the builder is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// A file may have changed.
    Change,
    Stop,
}

/// Has the system tell about changes in folders. Where it cannot, every half second counts as a change.
pub struct Waker {
    /// None: the system tells about no changes.
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    /// Whether there are folders that the system does not tell about.
    polls: bool,
    wakes: Receiver<Wake>,
}

impl Waker {
    /// Also returns what stops the builder.
    pub fn new() -> (Self, Sender<Wake>) {
        let (sender, wakes) = mpsc::channel();
        let changes = sender.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event, too.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                let _ = changes.send(Wake::Change);
            }
        });
        let watcher = watcher
            .inspect_err(|error| tracing::warn!("the system tells about no changes: {error}"))
            .ok();
        let waker = Self {
            polls: watcher.is_none(),
            watcher,
            folders: BTreeSet::new(),
            wakes,
        };
        (waker, sender)
    }

    /// Watches these folders and no others. Returns whether some are new, so that changes in them may have been missed.
    pub fn watch(&mut self, folders: BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        for gone in self.folders.difference(&folders) {
            // It may not exist any more.
            let _ = watcher.unwatch(gone);
        }
        let mut is_new = false;
        for folder in folders.difference(&self.folders) {
            is_new = true;
            let watched = watcher.watch(folder, RecursiveMode::NonRecursive);
            if let Err(error) = watched
                && folder.exists()
                && !std::mem::replace(&mut self.polls, true)
            {
                tracing::warn!(
                    "the system does not tell about changes in {}: {error}; belljar looks for changes itself",
                    folder.display()
                );
            }
        }
        self.folders = folders;
        is_new
    }

    /// Waits for a change, and until no other follows at once: an editor saves a file in several steps.
    pub fn wait(&self) -> Wake {
        let first = match self.polls {
            true => self.wakes.recv_timeout(POLL),
            false => self
                .wakes
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
        };
        match first {
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return Wake::Stop,
            Ok(Wake::Change) | Err(RecvTimeoutError::Timeout) => {}
        }
        let began = Instant::now();
        while began.elapsed() < LONGEST {
            match self.wakes.recv_timeout(QUIET) {
                Ok(Wake::Change) => {}
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return Wake::Stop,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        Wake::Change
    }
}

/// A save has ended if nothing changes for this long.
const QUIET: Duration = Duration::from_millis(50);

/// Changes that never end are looked at after this time.
const LONGEST: Duration = Duration::from_secs(1);

/// The time between two looks where the system does not tell about changes.
const POLL: Duration = Duration::from_millis(500);
