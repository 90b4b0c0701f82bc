//! The handlers that are wanted, told apart from their first sight on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::{ComponentSource, HandlerSource};
use super::scan::{FolderScan, ScannedFile};
use crate::config::{Action, Config, HandlerConfig, HandlersFolder, Site};

/// What one handler is known by, whatever becomes of its file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HandlerKey {
    /// It is in the configuration, by this name.
    Named(String),
    /// It is found in this folder, by its path there.
    InFolder(PathBuf, String),
}

/// The handlers of the configuration itself.
pub(super) fn named(config: &Config) -> BTreeMap<HandlerKey, Arc<HandlerConfig>> {
    let routes = config.sites.iter().flat_map(|site| &site.routes);
    let handlers = routes.filter_map(|route| match &route.action {
        Action::Run(handler) => Some((HandlerKey::Named(handler.name.clone()), handler.clone())),
        _ => None,
    });
    handlers.collect()
}

impl HandlerSource {
    pub fn named(config: &Arc<HandlerConfig>) -> Self {
        Self {
            name: config.name.clone(),
            component: ComponentSource::of(&config.component),
            defaults: config.clone(),
            settings: None,
        }
    }

    fn found(found: &ScannedFile, name: String, defaults: &Arc<HandlerConfig>) -> Self {
        Self {
            name,
            component: ComponentSource::File(found.file.clone(), Some(found.fingerprint.clone())),
            defaults: defaults.clone(),
            settings: found.settings.clone(),
        }
    }
}

/// The folders of handlers. Where two sites have the same one they share its handlers.
pub(super) struct WatchedFolders(Vec<Folder>);

struct Folder {
    path: PathBuf,
    defaults: Arc<HandlerConfig>,
    /// The sites that have it, by their positions.
    sites: Vec<usize>,
}

/// A handler of a folder.
pub(super) struct ScannedHandler {
    pub key: HandlerKey,
    pub found: ScannedFile,
    pub input: HandlerSource,
}

/// What lies in all folders.
#[derive(Default)]
pub(super) struct ScannedHandlers {
    pub handlers: Vec<ScannedHandler>,
    pub unreadable: BTreeMap<PathBuf, String>,
}

impl WatchedFolders {
    pub fn of(config: &Config) -> Self {
        let mut folders: Vec<Folder> = Vec::new();
        for (position, site) in config.sites.iter().enumerate() {
            let Some(HandlersFolder { path, defaults }) = &site.handlers else {
                continue;
            };
            match folders.iter_mut().find(|folder| folder.path == *path) {
                Some(folder) => folder.sites.push(position),
                None => folders.push(Folder {
                    path: path.clone(),
                    defaults: Arc::new(defaults.clone()),
                    sites: vec![position],
                }),
            }
        }
        Self(folders)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn look(&self) -> ScannedHandlers {
        let mut discoveries = ScannedHandlers::default();
        for folder in &self.0 {
            let scan = FolderScan::of(&folder.path);
            discoveries.unreadable.extend(scan.unreadable);
            for found in scan.handlers {
                // Names are one server's, so that the log and stores can tell them apart.
                let name = match self.0.len() {
                    1 => found.name.clone(),
                    _ => folder.path.join(&found.name).display().to_string(),
                };
                discoveries.handlers.push(ScannedHandler {
                    key: HandlerKey::InFolder(folder.path.clone(), found.name.clone()),
                    input: HandlerSource::found(&found, name, &folder.defaults),
                    found,
                });
            }
        }
        discoveries
    }

    /// What keeps handlers from being loaded, whatever they are. Of those that would answer for one address the one that
    /// is live goes on, and else none does.
    pub fn conflicts(
        &self,
        config: &Config,
        discoveries: &ScannedHandlers,
        is_live: impl Fn(&HandlerKey) -> bool,
    ) -> BTreeMap<HandlerKey, String> {
        let names = named(config);
        let mut conflicts = BTreeMap::new();
        for rivals in discoveries.by_address().values() {
            let live = rivals.iter().find(|rival| is_live(&rival.key));
            let live = live.map(|rival| &rival.key);
            for discovery in rivals {
                let rival = match live == Some(&discovery.key) {
                    true => None,
                    false => rivals.iter().find(|rival| rival.key != discovery.key),
                };
                let problem = match (&discovery.found.routes, rival) {
                    (Err(reason), _) => Some(reason.clone()),
                    (Ok(_), Some(rival)) => Some(format!(
                        "it would answer for the same address as {}; remove or rename one of them",
                        rival.found.file.display()
                    )),
                    (Ok(_), None) => self.taken(config, &names, discovery),
                };
                conflicts.extend(problem.map(|problem| (discovery.key.clone(), problem)));
            }
        }
        conflicts
    }

    /// Where the configuration says something that a handler of a folder would say, too.
    fn taken(
        &self,
        config: &Config,
        names: &BTreeMap<HandlerKey, Arc<HandlerConfig>>,
        discovery: &ScannedHandler,
    ) -> Option<String> {
        let HandlerKey::InFolder(folder, _) = &discovery.key else {
            return None;
        };
        let folder = self.0.iter().find(|known| known.path == *folder)?;
        let sites = folder
            .sites
            .iter()
            .filter_map(|site| config.sites.get(*site));
        let routes = discovery.found.routes.as_deref().unwrap_or_default();
        let same = |site: &Site| {
            let mut given = site.routes.iter();
            let given =
                given.find(|given| routes.iter().any(|route| route.is_same_as(&given.path)));
            given.map(|given| format!("{} has the route {} already", given.place, given.path))
        };
        if let Some(taken) = sites.flat_map(same).next() {
            return Some(taken);
        }
        let name = &discovery.input.name;
        names
            .contains_key(&HandlerKey::Named(name.clone()))
            .then(|| {
                format!(
                    "another handler of the configuration is named {name:?}; rename one of them"
                )
            })
    }
}

impl ScannedHandlers {
    /// Whether what was there may be there still, although it was not seen.
    pub fn may_hide(&self, file: &Path) -> bool {
        self.unreadable
            .keys()
            .any(|folder| file.starts_with(folder))
    }

    /// Those that would answer for the same address, for each address of each folder.
    fn by_address(&self) -> BTreeMap<(&Path, &str), Vec<&ScannedHandler>> {
        let mut addresses: BTreeMap<_, Vec<&ScannedHandler>> = BTreeMap::new();
        for discovery in &self.handlers {
            if let HandlerKey::InFolder(folder, _) = &discovery.key {
                let address = (folder.as_path(), discovery.found.address.as_str());
                addresses.entry(address).or_default().push(discovery);
            }
        }
        addresses
    }

    pub fn keys(&self) -> BTreeSet<&HandlerKey> {
        self.handlers.iter().map(|found| &found.key).collect()
    }
}
