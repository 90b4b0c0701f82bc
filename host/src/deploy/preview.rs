//! Lists the handlers in folders without loading them, for `belljar check`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::desired_state::WatchedFolders;
use crate::config::{Config, HandlerConfig};

/// The handlers in all folders of a configuration.
pub struct FoundHandlers {
    pub handlers: Vec<FoundHandler>,
    /// Files and folders that cannot be read, or not as a whole, each with the problem.
    pub unreadable: BTreeMap<PathBuf, String>,
}

/// A handler in a folder of handlers.
pub struct FoundHandler {
    pub name: String,
    pub file: PathBuf,
    /// The configuration that the server would run it with, or why the server would not load it.
    pub config: Result<HandlerConfig, String>,
}

impl FoundHandlers {
    /// Scans all folders of handlers in a configuration.
    pub fn of(config: &Config) -> Self {
        let folders = WatchedFolders::of(config);
        let scanned = folders.scan();
        let mut conflicts = folders.conflicts(config, &scanned, |_| false);
        let handlers = scanned.handlers.into_iter();
        let handlers = handlers
            .map(|handler| FoundHandler {
                config: match conflicts.remove(&handler.key) {
                    Some(conflict) => Err(conflict),
                    None => handler.source.config(),
                },
                name: handler.source.name,
                file: handler.file.file,
            })
            .collect();
        Self {
            handlers,
            unreadable: scanned.unreadable,
        }
    }
}
