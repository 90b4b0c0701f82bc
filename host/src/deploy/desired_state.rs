//! The handlers that should be live: those of the configuration, and those in folders of handlers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fingerprint::FolderId;
use super::granted_folders::GrantedFolders;
use super::scan::{FolderScan, ScannedFile};
use super::source::HandlerSource;
use crate::config::{Action, Ceiling, Config, HandlerConfig, HandlersFolder, Site};

/// Identifies a handler while its file changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HandlerKey {
    /// The configuration gives it this name.
    Configured(String),
    /// It is in this folder of handlers, under this name.
    InFolder(PathBuf, String),
}

/// Returns the handlers that the routes of the configuration name.
pub(super) fn configured_handlers(config: &Config) -> BTreeMap<HandlerKey, Arc<HandlerConfig>> {
    let routes = config.sites.iter().flat_map(|site| &site.routes);
    let handlers = routes.filter_map(|route| match &route.action {
        Action::Run(handler) => Some((
            HandlerKey::Configured(handler.name.clone()),
            handler.clone(),
        )),
        _ => None,
    });
    handlers.collect()
}

/// The folders of handlers. Sites with the same folder share its handlers.
pub(super) struct WatchedFolders {
    folders: Vec<WatchedFolder>,
    ceiling: Arc<Ceiling>,
    /// Maximum number of handlers in all folders.
    pub max_handlers: usize,
}

struct WatchedFolder {
    path: PathBuf,
    defaults: Arc<HandlerConfig>,
    /// The positions of the sites that have this folder.
    sites: Vec<usize>,
}

/// The handlers in all folders.
#[derive(Default)]
pub(super) struct ScannedHandlers {
    pub handlers: Vec<ScannedHandler>,
    /// Files and folders that were not read, or not as a whole, each with the problem.
    pub unreadable: BTreeMap<PathBuf, String>,
    /// The folders that were read.
    pub folders: BTreeMap<PathBuf, FolderId>,
}

/// A handler in a folder.
pub(super) struct ScannedHandler {
    pub key: HandlerKey,
    pub file: ScannedFile,
    pub source: HandlerSource,
}

impl WatchedFolders {
    pub fn of(config: &Config) -> Self {
        let mut folders: Vec<WatchedFolder> = Vec::new();
        for (position, site) in config.sites.iter().enumerate() {
            let Some(HandlersFolder { path, defaults }) = &site.handlers else {
                continue;
            };
            match folders.iter_mut().find(|folder| folder.path == *path) {
                Some(folder) => folder.sites.push(position),
                None => folders.push(WatchedFolder {
                    path: path.clone(),
                    defaults: Arc::new(defaults.clone()),
                    sites: vec![position],
                }),
            }
        }
        Self {
            folders,
            ceiling: config.ceiling.clone(),
            max_handlers: config.server.limits.max_handlers,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    pub fn scan(&self) -> ScannedHandlers {
        let mut scanned = ScannedHandlers::default();
        for folder in &self.folders {
            let left = self.max_handlers.saturating_sub(scanned.handlers.len());
            let scan = FolderScan::of(&folder.path, left);
            scanned.unreadable.extend(scan.unreadable);
            scanned.folders.extend(scan.folders);
            let granted = GrantedFolders::of(&folder.defaults);
            for file in scan.handlers {
                // The log and the stores tell handlers apart by name, so a name must be unique in the server.
                let name = match self.folders.len() {
                    1 => file.name.clone(),
                    _ => folder.path.join(&file.name).display().to_string(),
                };
                scanned.handlers.push(ScannedHandler {
                    key: HandlerKey::InFolder(folder.path.clone(), file.name.clone()),
                    source: HandlerSource::in_folder(
                        &file,
                        name,
                        folder.defaults.clone(),
                        self.ceiling.clone(),
                        granted.clone(),
                    ),
                    file,
                });
            }
        }
        scanned
    }

    /// Returns the handlers that must not be loaded, and why: an invalid name, or a conflict about a route or a name.
    ///
    /// Of several handlers with the same address, the one that is live keeps it. If none is live, none gets it.
    pub fn conflicts(
        &self,
        config: &Config,
        scanned: &ScannedHandlers,
        is_live: impl Fn(&HandlerKey) -> bool,
    ) -> BTreeMap<HandlerKey, String> {
        let configured = configured_handlers(config);
        let mut conflicts = BTreeMap::new();
        for rivals in scanned.by_address().values() {
            let live = rivals.iter().find(|rival| is_live(&rival.key));
            let live = live.map(|rival| &rival.key);
            for handler in rivals {
                let rival = match live == Some(&handler.key) {
                    true => None,
                    false => rivals.iter().find(|rival| rival.key != handler.key),
                };
                let problem = match (&handler.file.routes, rival) {
                    (Err(reason), _) => Some(reason.clone()),
                    (Ok(_), Some(rival)) => Some(format!(
                        "it has the same address as {}; remove or rename one of them",
                        rival.file.file.display()
                    )),
                    (Ok(_), None) => self.conflict_with_config(config, &configured, handler),
                };
                conflicts.extend(problem.map(|problem| (handler.key.clone(), problem)));
            }
        }
        conflicts
    }

    /// Checks whether the configuration already uses the route or the name of the handler.
    fn conflict_with_config(
        &self,
        config: &Config,
        configured: &BTreeMap<HandlerKey, Arc<HandlerConfig>>,
        handler: &ScannedHandler,
    ) -> Option<String> {
        let HandlerKey::InFolder(folder, _) = &handler.key else {
            return None;
        };
        let folder = self.folders.iter().find(|known| known.path == *folder)?;
        let sites = folder
            .sites
            .iter()
            .filter_map(|site| config.sites.get(*site));
        let routes = handler.file.routes.as_deref().unwrap_or_default();
        let conflict = |site: &Site| {
            let mut configured = site.routes.iter();
            let same =
                configured.find(|other| routes.iter().any(|route| route.is_same_as(&other.path)));
            same.map(|other| format!("{} already has the route {}", other.place, other.path))
        };
        if let Some(problem) = sites.flat_map(conflict).next() {
            return Some(problem);
        }
        let name = &handler.source.name;
        let is_taken = configured.contains_key(&HandlerKey::Configured(name.clone()));
        is_taken.then(|| {
            format!("a handler of the configuration also has the name {name:?}; rename one of them")
        })
    }
}

impl ScannedHandlers {
    /// Whether `file` may exist although the scan did not find it.
    pub fn may_hide(&self, file: &Path) -> bool {
        self.unreadable
            .keys()
            .any(|folder| file.starts_with(folder))
    }

    pub fn keys(&self) -> BTreeSet<&HandlerKey> {
        self.handlers.iter().map(|handler| &handler.key).collect()
    }

    /// Groups the handlers of each folder by address.
    fn by_address(&self) -> BTreeMap<(&Path, &str), Vec<&ScannedHandler>> {
        let mut addresses: BTreeMap<_, Vec<&ScannedHandler>> = BTreeMap::new();
        for handler in &self.handlers {
            if let HandlerKey::InFolder(folder, _) = &handler.key {
                let address = (folder.as_path(), handler.file.address.as_str());
                addresses.entry(address).or_default().push(handler);
            }
        }
        addresses
    }
}
