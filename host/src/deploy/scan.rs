//! Finds the components in a folder of handlers.
//!
//! Names that begin with a dot or an underscore are skipped, except for `_middleware.wasm`, which is in front of all
//! handlers of its folder and of the folders below it. Symbolic links are followed wherever they lead: a user
//! who may create a link in this folder may also put a component into it, and tools that deploy whole folders rely on
//! links.
//!
//! A scan is bounded in entries, depth and handlers. What it does not look at counts as unreadable.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::component_file::ComponentFile;
use super::file_routes::{address, routes};
use super::fingerprint::{Fingerprint, FolderId};
use crate::regular_file;
use crate::routing::PathPattern;

/// The components in one folder of handlers.
#[derive(Debug, Default)]
pub(super) struct FolderScan {
    /// Sorted by file.
    pub handlers: Vec<ScannedFile>,
    /// Files and folders that were not read, or not as a whole, and the problem. What an earlier scan found there may still
    /// exist.
    pub unreadable: BTreeMap<PathBuf, String>,
    /// The folders that were read.
    pub folders: BTreeMap<PathBuf, FolderId>,
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
    /// The middleware of its folder and of the folders around it, outermost first.
    pub middleware: Vec<ComponentFile>,
    /// The paths that it serves, or why it serves none.
    pub routes: Result<Vec<PathPattern>, String>,
    /// Equal for two files whose routes conflict.
    pub address: String,
}

impl FolderScan {
    /// Finds at most `max_handlers` components.
    pub fn of(folder: &Path, max_handlers: usize) -> Self {
        let mut scan = Self::default();
        let mut walk = Walk {
            scan: &mut scan,
            root: folder,
            max_handlers,
            effort: 0,
            links: 0,
            ended: false,
            ancestors: Vec::new(),
            middleware: Vec::new(),
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
    root: &'a Path,
    max_handlers: usize,
    /// The effort so far, in entries that cost no system call.
    effort: usize,
    /// The number of links to folders so far.
    links: usize,
    /// Whether a bound ended the walk.
    ended: bool,
    /// The folders from the root to the current one. A link to one of them would be followed for ever.
    ancestors: Vec<FolderId>,
    /// The middleware of these folders, outermost first.
    middleware: Vec<ComponentFile>,
}

impl Walk<'_> {
    fn enter(&mut self, folder: &Path, names: &mut Vec<String>) {
        if let Err(error) = self.read(folder, names) {
            self.cannot_read(folder, &error);
        }
    }

    fn read(&mut self, folder: &Path, names: &mut Vec<String>) -> io::Result<()> {
        let id = FolderId::of(folder)?;
        if self.ancestors.contains(&id) {
            return Ok(());
        }
        if self.ancestors.len() >= MAX_DEPTH {
            let problem = format!(
                "the folder {} is more than {MAX_DEPTH} folders deep; move its handlers up",
                folder.display()
            );
            self.report(folder, problem);
            return Ok(());
        }
        if self.scan.folders.len() >= MAX_FOLDERS {
            let root = self.root.display();
            self.end(format!(
                "the folder {root} has more than {MAX_FOLDERS} folders, and the server does not look at the rest; keep \
                 only handlers in it"
            ));
            return Ok(());
        }
        let entries = fs::read_dir(folder)?;
        self.scan.folders.insert(folder.to_owned(), id.clone());
        self.ancestors.push(id);
        let outer = self.middleware.len();
        self.middleware.extend(middleware_of(folder));
        let mut folders = Vec::new();
        let outcome = self.visit_all(entries, names, &mut folders);
        // The files of a folder come before those below it, so that deep folders do not use up the bound first.
        for (path, name) in folders {
            if self.ended {
                break;
            }
            names.push(name);
            self.enter(&path, names);
            names.pop();
        }
        self.middleware.truncate(outer);
        self.ancestors.pop();
        outcome
    }

    /// Visits the entries of a folder. Adds the folders among them to `folders`, each with its name.
    fn visit_all(
        &mut self,
        entries: fs::ReadDir,
        names: &[String],
        folders: &mut Vec<(PathBuf, String)>,
    ) -> io::Result<()> {
        for entry in entries {
            let entry = entry?;
            if self.ended {
                break;
            }
            self.effort(1);
            self.visit(&entry, names, folders)?;
        }
        Ok(())
    }

    fn visit(
        &mut self,
        entry: &DirEntry,
        names: &[String],
        folders: &mut Vec<(PathBuf, String)>,
    ) -> io::Result<()> {
        // A name that is not UTF-8 cannot be a path of a URL.
        let Ok(name) = entry.file_name().into_string() else {
            return Ok(());
        };
        let stem = name.strip_suffix(".wasm").filter(|stem| !stem.is_empty());
        let is_hidden = name.starts_with(['.', '_']);
        // The folder itself tells the type of most entries, so that other files cost no system call.
        if is_hidden || stem.is_none() && entry.file_type()?.is_file() {
            return Ok(());
        }
        self.effort(SYSTEM_CALL);
        let path = entry.path();
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            // The file may be gone by now, or the entry may be a link without a target.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.cannot_read(&path, &error);
                return Ok(());
            }
        };
        if metadata.is_dir() {
            if entry.file_type()?.is_symlink() {
                self.links += 1;
            }
            if self.links > MAX_LINKS {
                let root = self.root.display();
                self.end(format!(
                    "the folder {root} has more than {MAX_LINKS} links to folders, and the server does not look at the \
                     rest; remove some"
                ));
                return Ok(());
            }
            folders.push((path, name));
        } else if let Some(stem) = stem {
            self.component(path, names, stem, &metadata);
        }
        Ok(())
    }

    /// Counts the effort of the walk, and ends it at the bound.
    fn effort(&mut self, effort: usize) {
        self.effort += effort;
        if self.effort > MAX_EFFORT {
            let root = self.root.display();
            self.end(format!(
                "the folder {root} has more files than the server looks at; keep only handlers in it"
            ));
        }
    }

    fn component(&mut self, file: PathBuf, names: &[String], stem: &str, metadata: &Metadata) {
        if self.scan.handlers.len() >= self.max_handlers {
            let (root, most) = (self.root.display(), self.max_handlers);
            return self.end(format!(
                "the folder {root} has more handlers than the {most} of max-handlers, and the others are not loaded; \
                 raise max-handlers, or remove some"
            ));
        }
        match ScannedFile::new(file.clone(), names, stem, metadata) {
            Ok(found) => self.scan.handlers.push(ScannedFile {
                middleware: self.middleware.clone(),
                ..found
            }),
            Err(error) => self.cannot_read(&file, &error),
        }
    }

    fn cannot_read(&mut self, path: &Path, error: &io::Error) {
        self.report(path, format!("cannot read {}: {error}", path.display()));
    }

    fn report(&mut self, path: &Path, problem: String) {
        if self.scan.unreadable.len() < MAX_UNREADABLE {
            self.scan.unreadable.insert(path.to_owned(), problem);
            return;
        }
        let root = self.root.display();
        self.end(format!(
            "cannot read more than {MAX_UNREADABLE} files and folders of {root}, and the server does not look at the \
             rest; correct their permissions, or remove them"
        ));
    }

    /// Ends the walk. Files that it has not reached may exist.
    fn end(&mut self, problem: String) {
        if !std::mem::replace(&mut self.ended, true) {
            self.scan.unreadable.insert(self.root.to_owned(), problem);
        }
    }
}

impl ScannedFile {
    /// # Errors
    ///
    /// It cannot be known whether the file has a settings file: without its settings it must not run.
    fn new(file: PathBuf, folders: &[String], stem: &str, metadata: &Metadata) -> io::Result<Self> {
        let settings = file.with_extension("toml");
        let settings = match fs::metadata(&settings) {
            Ok(metadata) => Some((settings, Fingerprint::from(&metadata))),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut name = folders.join("/");
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(stem);
        let is_file = regular_file::check(metadata).map_err(|error| error.to_string());
        Ok(Self {
            name,
            fingerprint: Fingerprint::from(metadata),
            settings,
            middleware: Vec::new(),
            routes: is_file.and_then(|()| routes(folders, stem)),
            address: address(folders, stem),
            file,
        })
    }
}

/// The middleware in this folder, if there is one.
///
/// It is looked up by its name, so that no order and no bound of a listing decides whether a handler is protected. What
/// cannot be read is there: its handlers do not run without it.
fn middleware_of(folder: &Path) -> Option<ComponentFile> {
    let path = folder.join(MIDDLEWARE);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        _ => Some(ComponentFile::new(&path)),
    }
}

/// The middleware of all handlers in its folder and below it.
const MIDDLEWARE: &str = "_middleware.wasm";

/// Maximum number of nested folders.
const MAX_DEPTH: usize = 16;

/// Maximum effort of a scan: two million entries that are only listed, which takes a second, or fewer of which each takes a
/// system call.
const MAX_EFFORT: usize = 2_000_000;

/// The effort of a system call.
const SYSTEM_CALL: usize = 10;

/// Maximum number of folders below a folder.
const MAX_FOLDERS: usize = 10_000;

/// Maximum number of links to folders that a scan follows. A few links that lead to each other have millions of paths.
const MAX_LINKS: usize = 1000;

/// Maximum number of problems that a scan reports one by one.
const MAX_UNREADABLE: usize = 100;

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
        let scan = FolderScan::of(folder.path(), 100);
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
        let scan = FolderScan::of(folder.path(), 100);
        let [time] = &scan.handlers[..] else {
            panic!("{scan:?}");
        };
        assert_eq!(time.name, "time");
        assert_eq!(
            time.settings.as_ref().unwrap().0,
            folder.path().join("time.toml")
        );
        assert!(scan.unreadable.is_empty(), "{scan:?}");
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
        let scan = FolderScan::of(folder.path(), 100);
        let names: Vec<_> = scan.handlers.iter().map(|file| &file.name[..]).collect();
        assert_eq!(names, ["also/a", "sub/a", "time"]);
    }

    #[test]
    fn reports_a_missing_folder_as_unreadable() {
        let folder = folder(&[]);
        let scan = FolderScan::of(&folder.path().join("none"), 100);
        assert_eq!((scan.handlers.len(), scan.unreadable.len()), (0, 1));
    }
    #[test]
    fn tells_what_it_does_not_look_at() {
        let files: Vec<_> = (0..12).map(|number| format!("{number}.wasm")).collect();
        let files: Vec<_> = files.iter().map(String::as_str).collect();
        let folder = folder(&files);
        let scan = FolderScan::of(folder.path(), 10);
        assert_eq!(scan.handlers.len(), 10);
        let problem = scan.unreadable.get(folder.path());
        assert!(problem.unwrap().contains("max-handlers"), "{problem:?}");

        let deep = "d/".repeat(MAX_DEPTH);
        fs::create_dir_all(folder.path().join(&deep)).unwrap();
        let scan = FolderScan::of(folder.path(), 100);
        let problems: Vec<_> = scan.unreadable.values().collect();
        assert!(
            matches!(&problems[..], [problem] if problem.contains("16 folders deep")),
            "{problems:?}"
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_web_of_links_ends_at_a_bound() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["0/a.wasm"]);
        for level in 0..MAX_DEPTH {
            let below = folder.path().join((level + 1).to_string());
            fs::create_dir(&below).unwrap();
            for name in ["x", "y", "z"] {
                symlink(&below, folder.path().join(format!("{level}/{name}"))).unwrap();
            }
        }
        let scan = FolderScan::of(folder.path(), 100);
        assert!(
            scan.unreadable.contains_key(folder.path()),
            "{:?}",
            scan.unreadable
        );
        assert!(scan.unreadable.len() <= MAX_UNREADABLE + 1);
    }

    #[test]
    #[cfg(unix)]
    fn a_component_that_is_no_file_has_no_routes() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["a.wasm"]);
        symlink("/dev/zero", folder.path().join("zero.wasm")).unwrap();
        symlink("loop.wasm", folder.path().join("loop.wasm")).unwrap();
        symlink("a.toml", folder.path().join("a.toml")).unwrap();
        let scan = FolderScan::of(folder.path(), 100);
        let [zero] = &scan.handlers[..] else {
            panic!("{scan:?}");
        };
        assert!(zero.routes.as_ref().unwrap_err().contains("a device"));
        let unreadable: Vec<_> = scan.unreadable.keys().collect();
        let expected = ["a.toml", "a.wasm", "loop.wasm"].map(|name| folder.path().join(name));
        assert_eq!(unreadable, expected.iter().collect::<Vec<_>>());
    }
}
