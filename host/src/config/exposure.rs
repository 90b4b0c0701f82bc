//! Finds private files in a folder that is served, where every client could download them.

use std::path::{Component as Part, Path, PathBuf};

use super::model::{Action, Ceiling, Component, HandlerConfig, Site};

/// A message for each private file of the server in the folder that `served` serves. `file` is the configuration
/// file.
pub(super) fn of(
    served: &HandlerConfig,
    sites: &[Site],
    ceiling: &Ceiling,
    file: &Path,
) -> Vec<String> {
    let file = std::iter::once(("the configuration", file.to_owned()));
    let stores = ceiling.stores.iter();
    let stores = stores.map(|folder| ("the folder of stores", folder.clone()));
    let mut messages: Vec<_> = file
        .chain(stores)
        .chain(secrets(sites))
        .filter_map(|(what, path)| exposed(served, what, &path))
        .collect();
    messages.dedup();
    messages
}

impl Site {
    /// A message for each private file of the server in a folder that this site serves.
    pub fn exposed(&self) -> Vec<String> {
        let served = handlers(self).filter(|handler| handler.component == Component::Files);
        let sites = std::slice::from_ref(self);
        served
            .flat_map(|served| {
                secrets(sites).filter_map(move |(what, path)| exposed(served, what, &path))
            })
            .collect()
    }
}

/// The private files and folders of the server.
fn secrets(sites: &[Site]) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let folders = sites.iter().filter_map(|site| site.handlers.as_ref());
    let folders = folders.map(|folder| ("the folder of handlers", folder.path.clone()));
    let files = sites.iter().flat_map(handlers).flat_map(|handler| {
        let component = match &handler.component {
            Component::File(file) => Some(("the component", file.clone())),
            Component::Files => None,
        };
        let middleware = handler.middleware.iter();
        let middleware = middleware.map(|file| ("the middleware", file.clone()));
        let store = handler.grants.store.as_ref();
        component
            .into_iter()
            .chain(middleware)
            .chain(store.map(|store| ("the store", store.file.clone())))
    });
    folders.chain(files)
}

fn handlers(site: &Site) -> impl Iterator<Item = &HandlerConfig> {
    site.routes.iter().filter_map(|route| match &route.action {
        Action::Run(handler) => Some(&**handler),
        _ => None,
    })
}

/// A message if the path is in the folder that is served.
fn exposed(served: &HandlerConfig, what: &str, path: &Path) -> Option<String> {
    let dotfiles = served
        .grants
        .environment
        .iter()
        .any(|(name, _)| name == "BELLJAR_DOTFILES");
    let root = &served.grants.dirs.first()?.host;
    let inside = canonical(path)?;
    let inside = inside.strip_prefix(canonical(root)?).ok()?;
    // The handler that serves files hides names that start with a dot, except for one folder.
    let hidden = inside.components().any(|part| match part {
        Part::Normal(name) => name != ".well-known" && name.to_string_lossy().starts_with('.'),
        _ => false,
    });
    (dotfiles || !hidden).then(|| {
        format!(
            "{what} {} is in the served folder {}, where every client could download it; move it elsewhere",
            path.display(),
            root.display()
        )
    })
}

/// The path without links. For a file that does not exist, its folder's path without links.
fn canonical(path: &Path) -> Option<PathBuf> {
    if let Ok(canonical) = path.canonicalize() {
        return Some(canonical);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    Some(folder.canonicalize().ok()?.join(path.file_name()?))
}
