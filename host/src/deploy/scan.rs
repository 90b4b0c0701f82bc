//! A folder whose components are routes: `api/time.wasm` answers `/api/time` and all below it.
//!
//! `index.wasm` answers for its folder, `[id].wasm` and what lies in `[id]/` for any one segment. Names that begin with
//! a dot or an underscore are no routes. Symbolic links are followed, wherever they lead: who may put one here may put
//! a file here, and tools that deploy whole folders at once do it by links.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;
use crate::routing::{PathPattern, Segment};

/// What lies in a folder of handlers.
#[derive(Debug, Default)]
pub(super) struct FolderScan {
    pub handlers: Vec<ScannedFile>,
    /// WatchedFolders that could not be read, and why: what was found in them before may still be there.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// A component in a folder of handlers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScannedFile {
    pub file: PathBuf,
    /// Its path in the folder, without the extension: `api/time`.
    pub name: String,
    pub fingerprint: Fingerprint,
    /// The file of its grants and limits, if there is one.
    pub settings: Option<(PathBuf, Fingerprint)>,
    /// What it answers, or why that cannot be told.
    pub routes: Result<Vec<PathPattern>, String>,
    /// The same for all that would answer for the same address, by whatever names.
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
        // The order in which a system lists a folder is nobody's choice.
        scan.handlers
            .sort_by(|one, other| one.file.cmp(&other.file));
        scan
    }
}

struct Walk<'a> {
    scan: &'a mut FolderScan,
    /// The folders on the way, by what tells one from another: a link to one of them would lead round in a circle.
    ancestors: Vec<Identity>,
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
        let identity = identity(folder)?;
        if self.ancestors.contains(&identity) || self.ancestors.len() >= MAX_DEPTH {
            return Ok(());
        }
        self.ancestors.push(identity);
        let outcome = fs::read_dir(folder).and_then(|entries| {
            for entry in entries {
                self.look_at(&entry?, names);
            }
            Ok(())
        });
        self.ancestors.pop();
        outcome
    }

    fn look_at(&mut self, entry: &DirEntry, names: &mut Vec<String>) {
        // A name that is no text is no address either.
        let Ok(name) = entry.file_name().into_string() else {
            return;
        };
        let path = entry.path();
        if name.starts_with(['.', '_']) {
            return;
        }
        // What was taken away meanwhile, or is a link to nowhere, is not there.
        let Ok(found) = fs::metadata(&path) else {
            return;
        };
        if found.is_dir() {
            names.push(name);
            self.enter(&path, names);
            names.pop();
        } else if let Some(stem) = name.strip_suffix(".wasm")
            && found.is_file()
            && !stem.is_empty()
            && self.scan.handlers.len() < MAX_HANDLERS
        {
            let found = ScannedFile::new(path, names, stem, &found);
            self.scan.handlers.push(found);
        }
    }
}

impl ScannedFile {
    fn new(file: PathBuf, folders: &[String], stem: &str, found: &Metadata) -> Self {
        let settings = file.with_extension("toml");
        let mut name = folders.join("/");
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(stem);
        Self {
            name,
            fingerprint: Fingerprint::from(found),
            settings: Fingerprint::of(&settings).map(|fingerprint| (settings, fingerprint)),
            routes: routes(folders, stem),
            address: address(folders, stem),
            file,
        }
    }
}

/// `index` answers for its folder, with and without the slash; every other component for its own name, and for all
/// that is below it.
fn routes(folders: &[String], stem: &str) -> Result<Vec<PathPattern>, String> {
    let mut segments = folders
        .iter()
        .map(|name| segment(name))
        .collect::<Result<Vec<_>, _>>()?;
    if stem != INDEX {
        segments.extend([segment(stem)?, Segment::Rest(None)]);
        return Ok(vec![PathPattern::new(segments)?]);
    }
    let mut routes = Vec::new();
    if !segments.is_empty() {
        routes.push(PathPattern::new(segments.clone())?);
    }
    segments.push(Segment::Literal(String::new()));
    routes.push(PathPattern::new(segments)?);
    Ok(routes)
}

/// Neither the names of parameters nor what is below it make a difference.
fn address(folders: &[String], stem: &str) -> String {
    let stem = (stem != INDEX).then_some(stem);
    let names = folders.iter().map(String::as_str).chain(stem);
    let segments = names.map(|name| match parameter(name) {
        Some(_) => "/[]".to_owned(),
        None => format!("/{name}"),
    });
    segments.collect()
}

fn parameter(name: &str) -> Option<&str> {
    name.strip_prefix('[')?.strip_suffix(']')
}

fn segment(name: &str) -> Result<Segment, String> {
    match parameter(name) {
        Some(parameter) => Segment::parameter(parameter),
        None => Ok(Segment::literal(name)),
    }
}

#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(folder: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(folder).map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
type Identity = PathBuf;

#[cfg(not(unix))]
fn identity(folder: &Path) -> io::Result<Identity> {
    folder.canonicalize()
}

/// The component that answers for its folder.
const INDEX: &str = "index";

/// WatchedFolders in folders.
const MAX_DEPTH: usize = 16;

/// Handlers of one folder.
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
    fn paths_become_routes() {
        for (file, expected) in [
            ("index.wasm", &["/"][..]),
            ("api/index.wasm", &["/api", "/api/"]),
            ("api/time.wasm", &["/api/time/*"]),
            ("[id].wasm", &["/:id/*"]),
            ("users/[id]/posts.wasm", &["/users/:id/posts/*"]),
            ("users/[id]/index.wasm", &["/users/:id", "/users/:id/"]),
            ("v1.2.wasm", &["/v1.2/*"]),
            ("a b?%.wasm", &["/a%20b%3F%25/*"]),
        ] {
            let folder = folder(&[file]);
            let scan = FolderScan::of(folder.path());
            let routes = scan.handlers[0].routes.as_ref().unwrap();
            let routes: Vec<_> = routes.iter().map(PathPattern::as_str).collect();
            assert_eq!(routes, expected, "{file}");
        }
        for file in ["[Id].wasm", "[id]/[id].wasm", "[].wasm"] {
            let folder = folder(&[file]);
            assert!(
                FolderScan::of(folder.path()).handlers[0].routes.is_err(),
                "{file}"
            );
        }
    }

    #[test]
    fn what_is_no_handler_is_passed_over() {
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
    fn the_same_address_is_found() {
        for (one, other, expected) in [
            ("a.wasm", "a/index.wasm", true),
            ("[x].wasm", "[y].wasm", true),
            ("[x].wasm", "[y]/index.wasm", true),
            ("a/[x].wasm", "b/[x].wasm", false),
            ("a.wasm", "a/b.wasm", false),
            ("a.wasm", "index.wasm", false),
            ("a.wasm", "[a].wasm", false),
        ] {
            let folder = folder(&[one, other]);
            let scan = FolderScan::of(folder.path());
            let [first, second] = &scan.handlers[..] else {
                panic!("{scan:?}");
            };
            assert_eq!(first.address == second.address, expected, "{one} {other}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_and_end() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["..data/time.wasm", "sub/a.wasm"]);
        let at = |name: &str| folder.path().join(name);
        symlink("..data/time.wasm", at("time.wasm")).unwrap();
        symlink("..", at("sub/up")).unwrap();
        symlink("nowhere", at("dangling.wasm")).unwrap();
        symlink("sub", at("also")).unwrap();
        let scan = FolderScan::of(folder.path());
        let names: Vec<_> = scan.handlers.iter().map(|found| &found.name[..]).collect();
        assert_eq!(names, ["also/a", "sub/a", "time"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_said() {
        let folder = folder(&[]);
        let scan = FolderScan::of(&folder.path().join("none"));
        assert_eq!((scan.handlers.len(), scan.unreadable.len()), (0, 1));
    }
}
