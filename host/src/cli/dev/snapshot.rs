//! The files that something reads, and what they were at one time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use belljar::deploy::Fingerprint;
use belljar::regular_file;

/// Files and folders that are watched, with all that is below them.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    roots: Vec<PathBuf>,
    /// Files and folders that are left out, because the build or the server writes them.
    written: BTreeSet<PathBuf>,
}

/// What the files were at one time.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    files: BTreeMap<PathBuf, File>,
    folders: BTreeSet<PathBuf>,
}

#[derive(Debug, Clone)]
struct File {
    fingerprint: Fingerprint,
    content: u64,
}

impl Sources {
    pub fn new(roots: Vec<PathBuf>, written: BTreeSet<PathBuf>) -> Self {
        Self { roots, written }
    }

    /// Looks at the files. Those that are as in `earlier` are not read again.
    pub fn snapshot(&self, earlier: Option<&Snapshot>) -> Snapshot {
        self.walk(earlier, true)
    }

    /// The folders that have the files. A change in them may be a change of the files.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        self.walk(None, false).folders
    }

    fn walk(&self, earlier: Option<&Snapshot>, reads: bool) -> Snapshot {
        let mut walk = Walk {
            written: &self.written,
            earlier,
            reads,
            snapshot: Snapshot::default(),
        };
        for root in &self.roots {
            walk.root(root);
        }
        walk.snapshot
    }
}

impl Snapshot {
    /// The first file that is new, gone or has another content than in `earlier`. A file that was only written again is as
    /// it was.
    pub fn first_change<'a>(&'a self, earlier: &'a Self) -> Option<&'a Path> {
        let content =
            |snapshot: &Self, path: &Path| snapshot.files.get(path).map(|file| file.content);
        let paths = self.files.keys().chain(earlier.files.keys());
        let mut changed = paths.filter(|path| content(self, path) != content(earlier, path));
        changed.next().map(PathBuf::as_path)
    }

    /// When a file was last written.
    pub fn newest(&self) -> Option<SystemTime> {
        let files = self.files.values();
        files.filter_map(|file| file.fingerprint.modified()).max()
    }
}

struct Walk<'a> {
    written: &'a BTreeSet<PathBuf>,
    earlier: Option<&'a Snapshot>,
    /// Whether files are looked at.
    reads: bool,
    snapshot: Snapshot,
}

impl Walk<'_> {
    fn root(&mut self, root: &Path) {
        if root.is_dir() {
            return self.folder(root, 0);
        }
        // The folder also tells when the file is created or replaced.
        let folder = match root.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if folder.is_dir() {
            self.snapshot.folders.insert(folder.to_owned());
        }
        self.file(root);
    }

    fn folder(&mut self, folder: &Path, depth: usize) {
        if depth > MAX_DEPTH || self.snapshot.folders.len() >= MAX_FOLDERS {
            return;
        }
        self.snapshot.folders.insert(folder.to_owned());
        // What cannot be read now may be gone by now.
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let path = match folder == Path::new(".") {
                true => PathBuf::from(&name),
                false => entry.path(),
            };
            if is_left_out(&name.to_string_lossy()) || self.written.contains(&path) {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.folder(&path, depth + 1),
                Ok(_) => self.file(&path),
                Err(_) => {}
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let fingerprint = self.reads.then(|| Fingerprint::of(path));
        let Some(fingerprint) = fingerprint.flatten() else {
            return;
        };
        let earlier = self.earlier.and_then(|earlier| earlier.files.get(path));
        let content = match earlier {
            Some(earlier) if earlier.fingerprint == fingerprint => earlier.content,
            _ => content(path, &fingerprint),
        };
        let file = File {
            fingerprint,
            content,
        };
        self.snapshot.files.insert(path.to_owned(), file);
    }
}

/// Stands for the content of a file. A file that is large, or cannot be read, is told by its metadata.
fn content(path: &Path, fingerprint: &Fingerprint) -> u64 {
    let mut hasher = DefaultHasher::new();
    match regular_file::read(path, MAX_READ) {
        Ok(bytes) => bytes.hash(&mut hasher),
        Err(_) => (fingerprint.size, fingerprint.modified()).hash(&mut hasher),
    }
    hasher.finish()
}

/// Whether a file or folder of this name belongs to a tool and not to the sources.
fn is_left_out(name: &str) -> bool {
    name.starts_with(['.', '#'])
        || FOLDERS.contains(&name)
        || name == "4913"
        || TEMPORARY.iter().any(|end| name.ends_with(end))
}

/// The folders in which tools keep what they install and build.
const FOLDERS: [&str; 5] = [
    "target",
    "node_modules",
    "__pycache__",
    "venv",
    "dist-newstyle",
];

/// How the names of editors' temporary files end. Vim also creates one with the name 4913.
const TEMPORARY: [&str; 8] = [
    "~",
    ".swp",
    ".swx",
    ".tmp",
    ".part",
    ".orig",
    "___jb_tmp___",
    "___jb_old___",
];

/// Maximum number of nested folders.
const MAX_DEPTH: usize = 32;

/// Maximum number of folders. The system watches each on its own.
const MAX_FOLDERS: usize = 4000;

/// Files of up to this many bytes are compared by content.
const MAX_READ: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_what_tools_write() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [
            "src/lib.rs",
            "app.py",
            "target/a",
            "src/.lib.rs.swp",
            "src/lib.rs~",
            "node_modules/b/c.js",
            ".venv/d",
            ".git/e",
            "src/4913",
            "hello.wasm",
        ] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), name).unwrap();
        }
        let written = BTreeSet::from([at("hello.wasm")]);
        let sources = Sources::new(vec![folder.path().to_owned()], written);
        let snapshot = sources.snapshot(None);
        let files: Vec<_> = snapshot.files.keys().cloned().collect();
        assert_eq!(files, [at("app.py"), at("src/lib.rs")]);
        assert_eq!(snapshot.folders.len(), 2);
    }

    #[test]
    fn notices_changes_of_content() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), "1").unwrap();
        let sources = Sources::new(vec![at("a"), at("b")], BTreeSet::new());
        let first = sources.snapshot(None);
        fs::write(at("a"), "1").unwrap();
        let again = sources.snapshot(Some(&first));
        assert_eq!(again.first_change(&first), None);
        fs::write(at("b"), "").unwrap();
        let more = sources.snapshot(Some(&again));
        assert_eq!(more.first_change(&again), Some(&*at("b")));
        fs::remove_file(at("a")).unwrap();
        let fewer = sources.snapshot(Some(&more));
        assert_eq!(fewer.first_change(&more), Some(&*at("a")));
    }
}
