//! Tells handlers that an operator removed from handlers whose folder is gone.
//!
//! A volume that is unmounted leaves an empty folder behind, or an older one. Its handlers must not be taken down because
//! of that. So a folder that changes its device or loses all its handlers at once counts as unreadable, until its handlers
//! are back or a reload is requested.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::desired_state::{HandlerKey, ScannedHandlers};
use super::fingerprint::FolderId;

/// The folders as they were when all their handlers were found.
#[derive(Default)]
pub(super) struct KnownFolders(BTreeMap<PathBuf, FolderId>);

impl KnownFolders {
    /// Adds the folders that seem to be gone to the unreadable ones. `live` are the handlers of folders that are live, each
    /// with its file. With `accept` the folders are taken as they are.
    pub fn compare<'a>(
        &mut self,
        scanned: &mut ScannedHandlers,
        live: impl Iterator<Item = (&'a HandlerKey, &'a Path)>,
        accept: bool,
    ) {
        if !accept {
            let found = scanned.keys();
            let missing: BTreeSet<_> = live.filter(|(key, _)| !found.contains(key)).collect();
            let mut gone = self.on_other_devices(scanned, &missing);
            gone.extend(self.emptied(scanned, &missing));
            scanned.unreadable.extend(gone);
        }
        // A folder keeps what is known of it for as long as it cannot be read.
        self.0.retain(|folder, _| scanned.may_hide(folder));
        for (folder, id) in &scanned.folders {
            if !scanned.may_hide(folder) {
                self.0.insert(folder.clone(), id.clone());
            }
        }
    }

    /// The folders that are on other devices than before and lack handlers.
    fn on_other_devices(&self, scanned: &ScannedHandlers, missing: &Missing<'_>) -> Gone {
        let is_gone = |(folder, id): &(&PathBuf, &FolderId)| {
            let known = self.0.get(*folder);
            known.is_some_and(|known| known.device != id.device)
                && missing.iter().any(|(_, file)| file.starts_with(folder))
                && !scanned.may_hide(folder)
        };
        let gone = scanned.folders.iter().filter(is_gone);
        gone.map(|(folder, _)| {
            problem(
                folder,
                "is on another device than before and lacks handlers",
            )
        })
        .collect()
    }

    /// The folders of handlers that lost all their handlers at once. To remove the only handler of a folder is no such loss.
    fn emptied(&self, scanned: &ScannedHandlers, missing: &Missing<'_>) -> Gone {
        let mut counts: BTreeMap<&PathBuf, usize> = BTreeMap::new();
        for (key, _) in missing {
            if let HandlerKey::InFolder(folder, _) = key {
                *counts.entry(folder).or_default() += 1;
            }
        }
        for found in &scanned.handlers {
            if let HandlerKey::InFolder(folder, _) = &found.key {
                counts.remove(folder);
            }
        }
        let is_gone = |(folder, count): &(&PathBuf, usize)| {
            let is_other = self.0.get(*folder) != scanned.folders.get(*folder);
            (*count > 1 || is_other) && !scanned.may_hide(folder)
        };
        let gone = counts.into_iter().filter(is_gone);
        gone.map(|(folder, _)| problem(folder, "has lost all its handlers at once"))
            .collect()
    }
}

/// Live handlers whose files a scan did not find.
type Missing<'a> = BTreeSet<(&'a HandlerKey, &'a Path)>;

/// Folders, each with the problem.
type Gone = BTreeMap<PathBuf, String>;

fn problem(folder: &Path, what: &str) -> (PathBuf, String) {
    let shown = folder.display();
    let problem = format!(
        "the folder {shown} {what}, as if its volume was unmounted; mount it again, or send SIGHUP to remove the handlers"
    );
    (folder.to_owned(), problem)
}
