//! Notices that a folder which the configuration grants was replaced, such as the folder of a site.
//!
//! A handler holds its folders open. If another folder is at the same path, such as a new release or a volume that was
//! mounted again, the handler must open it.

use std::path::PathBuf;
use std::sync::Arc;

use super::fingerprint::FolderId;
use crate::config::HandlerConfig;

/// The folders that the configuration grants to a handler, as they were when it was made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GrantedFolders(Arc<[(PathBuf, Option<FolderId>)]>);

impl GrantedFolders {
    pub fn of(config: &HandlerConfig) -> Self {
        let dirs = config.grants.dirs.iter();
        let folders = dirs.map(|dir| (dir.host.clone(), FolderId::of(&dir.host).ok()));
        Self(folders.collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares the folders with those that the handler holds open.
    ///
    /// # Errors
    ///
    /// If a folder is empty and on another device than the one that is open. This is how an unmounted volume looks.
    pub fn check(&self, open: &Self) -> Result<(), String> {
        for (path, now) in self.0.iter() {
            let Some(now) = now else {
                continue;
            };
            let was_elsewhere = open.0.iter().any(|(other, before)| {
                let before = before.as_ref();
                other == path && before.is_some_and(|before| before.device != now.device)
            });
            let is_empty = || {
                path.read_dir()
                    .is_ok_and(|mut entries| entries.next().is_none())
            };
            if was_elsewhere && is_empty() {
                return Err(format!(
                    "the folder {} is empty and on another device than before, as if its volume was unmounted; mount it \
                     again, or send SIGHUP once it has files",
                    path.display()
                ));
            }
        }
        Ok(())
    }
}
