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
        if let Some(file) = file {
            paths.replaceable(file);
        }
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
                paths.replaceable(&handlers.path);
                paths.granted(&handlers.defaults.grants);
            }
            for route in &site.routes {
                let Action::Run(handler) = &route.action else {
                    continue;
                };
                if let Component::File(file) = &handler.component {
                    paths.replaceable(file);
                }
                paths.granted(&handler.grants);
            }
        }
        paths
    }

    fn granted(&mut self, grants: &GrantConfig) {
        for folder in &grants.dirs {
            match folder.access {
                Access::ReadOnly => self.replaceable(&folder.host),
                Access::ReadWrite => self.folder(&folder.host, folder.access),
            }
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

    /// A file or folder that may be replaced by another one of this name. A rule is for an inode, so what comes later needs
    /// a rule for the folder around it.
    fn replaceable(&mut self, path: &Path) {
        // The path may be a link to another folder.
        self.readable.insert(path.to_owned());
        let folder = folder_of(path);
        if !is_broad(&folder) {
            self.readable.insert(folder);
        }
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

    #[test]
    fn a_file_in_a_broad_folder_is_granted_alone() {
        for (file, expected) in [
            ("/etc/belljar.toml", "/etc/belljar.toml"),
            ("/belljar.toml", "/belljar.toml"),
            ("/etc/belljar/belljar.toml", "/etc/belljar"),
            ("/srv/app/handlers/a.wasm", "/srv/app/handlers"),
        ] {
            let mut paths = Paths::default();
            paths.replaceable(Path::new(file));
            let expected = [file, expected].map(PathBuf::from);
            assert_eq!(paths.readable, BTreeSet::from(expected), "{file}");
        }
    }
}
