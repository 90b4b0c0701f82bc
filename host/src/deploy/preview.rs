//! What lies in folders of handlers, for those who look without serving.

use std::path::PathBuf;

use super::desired_state::WatchedFolders;
use crate::config::{Config, HandlerConfig};

/// A handler of a folder.
pub struct FoundHandler {
    pub name: String,
    pub file: PathBuf,
    /// What it would be run as, or why it would not be.
    pub config: Result<HandlerConfig, String>,
}

impl FoundHandler {
    /// All that lie in the folders of a configuration.
    pub fn all(config: &Config) -> Vec<Self> {
        let folders = WatchedFolders::of(config);
        let discoveries = folders.look();
        let mut conflicts = folders.conflicts(config, &discoveries, |_| false);
        let found = discoveries.handlers.into_iter();
        found
            .map(|discovery| Self {
                config: match conflicts.remove(&discovery.key) {
                    Some(conflict) => Err(conflict),
                    None => discovery.input.config(),
                },
                name: discovery.input.name,
                file: discovery.found.file,
            })
            .collect()
    }
}
