//! The files that a server needs, for the layer that denies all others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::{Action, Component, Config, GrantConfig};
use belljar_sandbox::Access;

/// Files and folders. A folder stands for everything below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    pub readable: BTreeSet<PathBuf>,
    pub writable: BTreeSet<PathBuf>,
    /// Readable, also if another file or folder takes its name later.
    pub replaceable: BTreeSet<PathBuf>,
    /// Folders whose empty folders may be removed.
    pub emptied: BTreeSet<PathBuf>,
}

impl Paths {
    /// What the system's own libraries read, and what a configuration grants. `file` is the file of the configuration.
    pub fn of(config: &Config, file: Option<&Path>) -> Self {
        let mut paths = Self::default();
        for path in SYSTEM {
            paths.readable.insert(path.into());
        }
        paths.writable.insert("/dev/null".into());
        paths.replaceable.extend(file.map(Path::to_owned));
        // A file beside a handler may grant what the ceiling allows, later too.
        for (folder, access) in &config.ceiling.dirs {
            paths.folder(folder, *access);
        }
        paths.writable.extend(config.ceiling.stores.iter().cloned());
        paths
            .readable
            .extend(config.ceiling.outbound_ca.iter().cloned());
        for site in &config.sites {
            if let Some(handlers) = &site.handlers {
                paths.replaceable.insert(handlers.path.clone());
                paths.granted(&handlers.defaults.grants);
            }
            for route in &site.routes {
                let Action::Run(handler) = &route.action else {
                    continue;
                };
                if let Component::File(file) = &handler.component {
                    paths.replaceable.insert(file.clone());
                }
                paths.replaceable.extend(handler.middleware.iter().cloned());
                paths.granted(&handler.grants);
            }
        }
        paths
    }

    fn granted(&mut self, grants: &GrantConfig) {
        for folder in &grants.dirs {
            match folder.access {
                Access::ReadOnly => self.replaceable.insert(folder.host.clone()),
                Access::ReadWrite => self.writable.insert(folder.host.clone()),
            };
        }
        self.readable
            .extend(grants.outbound.authorities.iter().cloned());
        if let Some(store) = &grants.store {
            match store.file.exists() {
                true => self.writable.insert(store.file.clone()),
                // The store is created in its folder.
                false => self.writable.insert(folder_of(&store.file)),
            };
        }
    }

    fn folder(&mut self, folder: &Path, access: Access) {
        let paths = match access {
            Access::ReadOnly => &mut self.readable,
            Access::ReadWrite => &mut self.writable,
        };
        paths.insert(folder.to_owned());
    }

    /// All that can be read, without what can be written. A rule is for an inode, so what takes the name of a file later needs
    /// a rule for the folder around it.
    pub(super) fn all_readable(&self) -> impl Iterator<Item = PathBuf> {
        let around = self.replaceable.iter().map(|path| folder_of(path));
        let around = around.filter(|folder| !is_broad(folder));
        // The path may be a link to another folder.
        let named = self.readable.iter().chain(&self.replaceable);
        named.cloned().chain(around)
    }

    /// A path that `needed` has and that is in none of these.
    pub fn first_outside<'a>(&self, needed: &'a Self) -> Option<&'a Path> {
        let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let writable: Vec<PathBuf> = self.writable.iter().map(|path| resolved(path)).collect();
        let readable: Vec<PathBuf> = self.all_readable().map(|path| resolved(&path)).collect();
        let is_below = |path: &Path, folders: &[PathBuf]| {
            let path = resolved(path);
            folders.iter().any(|folder| path.starts_with(folder))
        };
        let to_read = needed.readable.iter().chain(&needed.replaceable);
        let to_read =
            to_read.filter(|path| !is_below(path, &readable) && !is_below(path, &writable));
        let to_write = needed.writable.iter();
        let to_write = to_write.filter(|path| !is_below(path, &writable));
        to_write.chain(to_read).map(PathBuf::as_path).next()
    }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => ".".into(),
    }
}

/// Whether a folder has too much in it to grant it for the sake of one file.
fn is_broad(folder: &Path) -> bool {
    let Ok(folder) = std::path::absolute(folder) else {
        return true;
    };
    folder.components().count() <= BROAD_COMPONENTS || dirs::home_dir() == Some(folder)
}

/// A folder directly below `/` has too much in it, such as /etc and /home: its path has this many components.
const BROAD_COMPONENTS: usize = 2;

/// What the C library reads to look up names and to load the modules for it, and what tells about the machine.
const SYSTEM: &[&str] = &[
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/run/resolvconf",
    "/run/systemd/resolve",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/pressure",
    "/proc/self",
    "/proc/stat",
    "/proc/sys/kernel",
    "/proc/sys/net/core",
    "/proc/sys/vm",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn replaceable(paths: &[&str]) -> Paths {
        Paths {
            replaceable: paths.iter().map(PathBuf::from).collect(),
            ..Paths::default()
        }
    }

    #[test]
    fn a_file_in_a_broad_folder_is_granted_alone() {
        for (file, expected) in [
            ("/etc/belljar.toml", "/etc/belljar.toml"),
            ("/belljar.toml", "/belljar.toml"),
            ("/etc/belljar/belljar.toml", "/etc/belljar"),
            ("/srv/app/handlers/a.wasm", "/srv/app/handlers"),
        ] {
            let expected = [file, expected].map(PathBuf::from);
            let readable: BTreeSet<_> = replaceable(&[file]).all_readable().collect();
            assert_eq!(readable, BTreeSet::from(expected), "{file}");
        }
    }

    #[test]
    fn finds_what_is_outside() {
        let mut paths = replaceable(&["/srv/app/site"]);
        paths.writable.insert("/srv/data".into());
        for (needed, is_outside) in [
            ("/srv/app/site", false),
            ("/srv/app/other/deep", false),
            ("/srv/data/below", false),
            ("/srv/applause", true),
            ("/srv", true),
        ] {
            let needed = replaceable(&[needed]);
            assert_eq!(
                paths.first_outside(&needed).is_some(),
                is_outside,
                "{needed:?}"
            );
        }
        let mut needed = Paths::default();
        needed.writable.insert("/srv/app/site".into());
        assert_eq!(
            paths.first_outside(&needed),
            Some(Path::new("/srv/app/site"))
        );
    }
}
