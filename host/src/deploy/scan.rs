//! Finds the components in a folder of handlers.
//!
//! Names that begin with a dot or an underscore are skipped. Symbolic links are followed wherever they lead: a user
//! who may create a link in this folder may also put a component into it, and tools that deploy whole folders rely on
//! links.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::file_routes::{address, routes};
use super::fingerprint::Fingerprint;
use crate::routing::PathPattern;

/// The components in one folder of handlers.
#[derive(Debug, Default)]
pub(super) struct FolderScan {
    /// Sorted by file.
    pub handlers: Vec<ScannedFile>,
    /// Folders that cannot be read, and why. Files that an earlier scan found in them may still exist.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// A component in a folder of handlers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScannedFile {
    pub file: PathBuf,
    /// Its path in the folder, without the extension: `api/time`.
    pub name: String,
    pub fingerprint: Fingerprint,
    /// The file with its grants and limits, if there is one.
    pub settings: Option<(PathBuf, Fingerprint)>,
    /// The paths that it serves, or why its name gives none.
    pub routes: Result<Vec<PathPattern>, String>,
    /// Equal for two files whose routes conflict.
    pub address: String,
}

impl FolderScan {
    pub fn of(folder: &Path) -> Self {
        let mut scan = Self::default();
        let mut walk = Walk {
            scan: &mut scan,
            ancestors: Vec::new(),
        };
        walk.enter(folder, &mut Vec::new());
        // The file system lists a folder in an arbitrary order.
        scan.handlers
            .sort_by(|one, other| one.file.cmp(&other.file));
        scan
    }
}

struct Walk<'a> {
    scan: &'a mut FolderScan,
    /// The folders from the root to the current one. A link to one of them would be followed for ever.
    ancestors: Vec<FolderId>,
}

impl Walk<'_> {
    fn enter(&mut self, folder: &Path, names: &mut Vec<String>) {
        if let Err(error) = self.read(folder, names) {
            self.scan
                .unreadable
                .push((folder.to_owned(), error.to_string()));
        }
    }

    fn read(&mut self, folder: &Path, names: &mut Vec<String>) -> io::Result<()> {
        let id = folder_id(folder)?;
        if self.ancestors.contains(&id) || self.ancestors.len() >= MAX_DEPTH {
            return Ok(());
        }
        self.ancestors.push(id);
        let outcome = fs::read_dir(folder).and_then(|entries| {
            for entry in entries {
                self.visit(&entry?, names);
            }
            Ok(())
        });
        self.ancestors.pop();
        outcome
    }

    fn visit(&mut self, entry: &DirEntry, names: &mut Vec<String>) {
        // A name that is not UTF-8 cannot be a path of a URL.
        let Ok(name) = entry.file_name().into_string() else {
            return;
        };
        let path = entry.path();
        if name.starts_with(['.', '_']) {
            return;
        }
        // The file may be gone by now, or the entry may be a link without a target.
        let Ok(metadata) = fs::metadata(&path) else {
            return;
        };
        if metadata.is_dir() {
            names.push(name);
            self.enter(&path, names);
            names.pop();
        } else if let Some(stem) = name.strip_suffix(".wasm")
            && metadata.is_file()
            && !stem.is_empty()
            && self.scan.handlers.len() < MAX_HANDLERS
        {
            let file = ScannedFile::new(path, names, stem, &metadata);
            self.scan.handlers.push(file);
        }
    }
}

impl ScannedFile {
    fn new(file: PathBuf, folders: &[String], stem: &str, metadata: &Metadata) -> Self {
        let settings = file.with_extension("toml");
        let mut name = folders.join("/");
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(stem);
        Self {
            name,
            fingerprint: Fingerprint::from(metadata),
            settings: Fingerprint::of(&settings).map(|fingerprint| (settings, fingerprint)),
            routes: routes(folders, stem),
            address: address(folders, stem),
            file,
        }
    }
}

#[cfg(unix)]
type FolderId = (u64, u64);

#[cfg(unix)]
fn folder_id(folder: &Path) -> io::Result<FolderId> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(folder).map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
type FolderId = PathBuf;

#[cfg(not(unix))]
fn folder_id(folder: &Path) -> io::Result<FolderId> {
    folder.canonicalize()
}

/// Maximum number of nested folders.
const MAX_DEPTH: usize = 16;

/// Maximum number of handlers in one folder.
const MAX_HANDLERS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        folder
    }

    #[test]
    fn derives_routes_and_name_from_the_path() {
        let folder = folder(&["users/[id]/posts.wasm", "[].wasm"]);
        let scan = FolderScan::of(folder.path());
        let [invalid, posts] = &scan.handlers[..] else {
            panic!("{scan:?}");
        };
        assert!(invalid.routes.is_err());
        assert_eq!(posts.name, "users/[id]/posts");
        assert_eq!(posts.address, "/users/[]/posts");
        let routes = posts.routes.as_ref().unwrap();
        let routes: Vec<_> = routes.iter().map(PathPattern::as_str).collect();
        assert_eq!(routes, ["/users/:id/posts/*"]);
    }

    #[test]
    fn skips_other_files_and_hidden_names() {
        let folder = folder(&[
            "time.wasm",
            "time.toml",
            "time.wasm.part",
            ".hidden.wasm",
            ".wasm",
            "_draft.wasm",
            ".git/a.wasm",
            "_lib/b.wasm",
            "readme.md",
            "WASM",
        ]);
        fs::create_dir(folder.path().join("folder.wasm")).unwrap();
        let scan = FolderScan::of(folder.path());
        let [time] = &scan.handlers[..] else {
            panic!("{scan:?}");
        };
        assert_eq!(time.name, "time");
        assert_eq!(
            time.settings.as_ref().unwrap().0,
            folder.path().join("time.toml")
        );
        assert_eq!(scan.unreadable, []);
    }

    #[test]
    #[cfg(unix)]
    fn follows_links_but_not_in_circles() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["..data/time.wasm", "sub/a.wasm"]);
        let at = |name: &str| folder.path().join(name);
        symlink("..data/time.wasm", at("time.wasm")).unwrap();
        symlink("..", at("sub/up")).unwrap();
        symlink("nowhere", at("dangling.wasm")).unwrap();
        symlink("sub", at("also")).unwrap();
        let scan = FolderScan::of(folder.path());
        let names: Vec<_> = scan.handlers.iter().map(|file| &file.name[..]).collect();
        assert_eq!(names, ["also/a", "sub/a", "time"]);
    }

    #[test]
    fn reports_a_missing_folder_as_unreadable() {
        let folder = folder(&[]);
        let scan = FolderScan::of(&folder.path().join("none"));
        assert_eq!((scan.handlers.len(), scan.unreadable.len()), (0, 1));
    }
}
