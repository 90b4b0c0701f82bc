//! The configuration in use, and every handler that belongs to it.

use std::collections::BTreeMap;
use std::path::Path;

use super::desired_state::{HandlerKey, ScannedHandlers, WatchedFolders, configured_handlers};
use super::load::LoadOutcome;
use super::load_queue::LoadQueue;
use super::managed_handler::{Change, ManagedHandler};
use super::report::{LogLine, Report};
use super::source::HandlerSource;
use crate::config::Config;

pub(super) struct HandlerSet {
    pub config: Config,
    pub handlers: BTreeMap<HandlerKey, ManagedHandler>,
}

/// The effect of a scan.
#[derive(Default)]
pub(super) struct ScanChanges {
    /// Whether a route was added or removed.
    pub routes: bool,
    pub log: Vec<LogLine>,
}

impl HandlerSet {
    /// The handlers of the configuration, to be loaded at once.
    pub fn new(config: Config) -> Self {
        let handlers = configured_handlers(&config)
            .into_iter()
            .map(|(key, config)| {
                let source = HandlerSource::configured(&config);
                (key, ManagedHandler::new(source, Vec::new(), true))
            })
            .collect();
        Self { config, handlers }
    }

    /// Looks at the files of the handlers that the configuration names.
    pub fn observe_configured(&mut self) {
        for (key, config) in configured_handlers(&self.config) {
            if let Some(handler) = self.handlers.get_mut(&key) {
                handler.observe(HandlerSource::configured(&config));
            }
        }
    }

    /// Takes the result of a scan. With `at_once` a file is added or removed without a second scan.
    pub fn apply_scan(
        &mut self,
        folders: &WatchedFolders,
        scanned: &ScannedHandlers,
        at_once: bool,
    ) -> ScanChanges {
        let mut count = self.count_in_folders();
        for found in &scanned.handlers {
            let source = found.source.clone();
            match self.handlers.get_mut(&found.key) {
                Some(handler) => handler.observe(source),
                // Those that are missing may be live still, so that more may be found than fit.
                None if count >= folders.max_handlers => {}
                None => {
                    let routes = found.file.routes.clone().unwrap_or_default();
                    let handler = ManagedHandler::new(source, routes, at_once);
                    self.handlers.insert(found.key.clone(), handler);
                    count += 1;
                }
            }
        }
        let mut changes = ScanChanges::default();
        self.remove_missing(scanned, at_once, &mut changes);
        self.hold_conflicts(folders, scanned, &mut changes);
        changes
    }

    fn count_in_folders(&self) -> usize {
        let keys = self.handlers.keys();
        keys.filter(|key| matches!(key, HandlerKey::InFolder(..)))
            .count()
    }

    /// Whether the file of the handler exists.
    pub fn has_file(&self, key: &HandlerKey) -> bool {
        let handler = self.handlers.get(key);
        let file = handler.and_then(|handler| handler.source().file());
        file.is_some_and(Path::exists)
    }

    /// The problems of the newest components that were refused while older ones serve.
    pub fn refused(&self) -> impl Iterator<Item = String> {
        self.handlers.iter().filter_map(|(key, handler)| {
            let reason = handler
                .refused
                .as_deref()
                .filter(|_| handler.live.is_some())?;
            Some(self.report(key)?.problem(reason))
        })
    }

    /// The handlers of folders that are live, each with its file.
    pub fn live_in_folders(&self) -> impl Iterator<Item = (&HandlerKey, &Path)> {
        self.handlers.iter().filter_map(|(key, handler)| {
            let is_live = handler.live.is_some() && matches!(key, HandlerKey::InFolder(..));
            is_live.then_some((key, handler.source().file()?))
        })
    }

    /// Removes the handlers whose files two scans in a row did not find.
    fn remove_missing(
        &mut self,
        scanned: &ScannedHandlers,
        at_once: bool,
        changes: &mut ScanChanges,
    ) {
        let found = scanned.keys();
        let config = &self.config;
        self.handlers.retain(|key, handler| {
            let file = handler.source().file();
            let is_hidden = file.is_some_and(|file| scanned.may_hide(file));
            if matches!(key, HandlerKey::Configured(_)) || found.contains(key) || is_hidden {
                return true;
            }
            let was_missing = std::mem::replace(&mut handler.missing, true);
            if !was_missing && !at_once {
                return true;
            }
            let report = Report {
                config,
                key,
                handler,
            };
            changes.log.push(report.removed());
            changes.routes = true;
            false
        });
    }

    fn hold_conflicts(
        &mut self,
        folders: &WatchedFolders,
        scanned: &ScannedHandlers,
        changes: &mut ScanChanges,
    ) {
        let is_live = |key: &HandlerKey| {
            let handler = self.handlers.get(key);
            handler.is_some_and(|handler| handler.live.is_some())
        };
        let mut conflicts = folders.conflicts(&self.config, scanned, is_live);
        for found in &scanned.handlers {
            let Some(handler) = self.handlers.get_mut(&found.key) else {
                continue;
            };
            match conflicts.remove(&found.key) {
                Some(problem) => {
                    let change = handler.hold(problem);
                    changes.routes |= change != Change::None;
                    changes.log.extend(self.log_line(&found.key, &change));
                }
                None => handler.release(),
            }
        }
    }

    /// Makes every handler due for a load.
    pub fn reload(&mut self) {
        for handler in self.handlers.values_mut() {
            handler.reload();
        }
    }

    pub fn push_due(&mut self, queue: &mut LoadQueue) {
        for (key, handler) in &mut self.handlers {
            if handler.is_due() {
                queue.push(key, handler);
            }
        }
    }

    /// Takes the outcome of a load. Returns `None` if its handler was removed, or if a newer load replaces this one.
    pub fn load_ended(
        &mut self,
        key: &HandlerKey,
        number: u64,
        outcome: LoadOutcome,
        wait: bool,
    ) -> Option<Change> {
        let handler = self.handlers.get_mut(key)?;
        handler.load_ended(number, outcome, wait).ok()
    }

    pub fn is_loading(&self) -> bool {
        self.handlers.values().any(ManagedHandler::is_loading)
    }

    /// Whether any handler comes from a file or has a folder, which can change.
    pub fn can_change(&self) -> bool {
        let mut handlers = self.handlers.values();
        handlers.any(|handler| handler.source().can_change())
    }

    /// Replaces the configuration. `loaded` are the handlers that are new in it or have other settings.
    pub fn replace_config(&mut self, config: Config, loaded: BTreeMap<HandlerKey, ManagedHandler>) {
        let configured = configured_handlers(&config);
        self.handlers.retain(|key, _| match key {
            HandlerKey::Configured(_) => configured.contains_key(key),
            HandlerKey::InFolder(folder, _) => config.sites.iter().any(|site| {
                let handlers = site.handlers.as_ref();
                handlers.is_some_and(|handlers| handlers.path == *folder)
            }),
        });
        self.handlers.extend(loaded);
        self.config = config;
    }

    pub fn log_line(&self, key: &HandlerKey, change: &Change) -> Option<LogLine> {
        self.report(key)?.change(change)
    }

    pub fn report<'a>(&'a self, key: &'a HandlerKey) -> Option<Report<'a>> {
        Some(Report {
            config: &self.config,
            key,
            handler: self.handlers.get(key)?,
        })
    }
}
