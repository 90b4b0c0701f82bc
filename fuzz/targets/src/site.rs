//! A site in memory, which checks the paths that the default guest opens.

use std::cell::RefCell;

use belljar_default_guest::files::{Entry, Failure, Files, Kind, Opened, Stat, Time};

/// The files of the site, and the paths that were opened.
pub struct Site {
    pub opened: RefCell<Vec<String>>,
}

/// An index into [`FILES`], or a folder.
#[derive(Debug, Clone)]
pub enum File {
    Regular(usize),
    Folder(String),
    Other,
}

/// Path, content and modification time.
pub const FILES: &[(&str, &[u8], u64)] = &[
    ("index.html", b"<title>start</title>", 784_111_777),
    ("nums.txt", b"123456789", 784_111_777),
    ("empty.txt", b"", 784_111_777),
    ("some thing.txt", b"hey", 0),
    ("pets/index.html", b"tobi", 2_000_000_000),
    ("pets/loki.html", b"loki", 1),
    ("bare/a.txt", b"a", 784_111_777),
    ("coded.css", b"plain", 784_111_777),
    ("coded.css.gz", b"0123456789", 784_111_777),
    ("coded.css.br", b"01234567", 784_111_777),
    ("old.png", b"0123456789abcdef", u64::MAX),
    ("\u{2603}", b"snow", 253_402_300_800),
    (".hidden.txt", b"secret", 784_111_777),
    (".mine/name.txt", b"secret", 784_111_777),
    ("bare/.mine.txt", b"secret", 784_111_777),
    (".well-known/security.txt", b"contact", 784_111_777),
    (".well-known/.secret", b"secret", 784_111_777),
];

impl Site {
    pub fn new() -> Self {
        Self {
            opened: RefCell::default(),
        }
    }
}

impl Files for Site {
    type File = File;

    fn open(&self, path: &str) -> Result<Opened<File>, Failure> {
        assert!(stays_within(path), "the guest opens {path:?}");
        self.opened.borrow_mut().push(path.into());
        let (file, size, seconds) = match path {
            "fifo" => (File::Other, 0, 0),
            "unreadable.txt" => return Err(Failure::Unreadable),
            "broken.txt" => return Err(Failure::Broken),
            "." => (File::Folder(String::new()), 4096, 784_111_777),
            _ => match FILES.iter().position(|(name, ..)| *name == path) {
                Some(index) => {
                    let (_, content, seconds) = FILES[index];
                    (File::Regular(index), content.len() as u64, seconds)
                }
                None if is_folder(path) => (File::Folder(format!("{path}/")), 4096, 784_111_777),
                None => return Err(Failure::Missing),
            },
        };
        let time = Time {
            seconds,
            nanoseconds: 5,
        };
        Ok(Opened {
            stat: Stat {
                kind: kind(&file),
                size,
                modified: Some(time),
                changed: Some(time).filter(|time| time.seconds < 1_000_000_000),
            },
            file,
        })
    }

    fn kind(&self, path: &str) -> Result<Kind, Failure> {
        Ok(self.open(path)?.stat.kind)
    }

    fn read(
        &self,
        file: &File,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let content = content(file).ok_or(Failure::Broken)?;
        into.extend_from_slice(part(content, offset, length).ok_or(Failure::Broken)?);
        Ok(())
    }

    fn list(&self, directory: &File) -> Result<Vec<Entry>, Failure> {
        let File::Folder(prefix) = directory else {
            return Err(Failure::Broken);
        };
        let mut names: Vec<&str> = FILES
            .iter()
            .filter_map(|(path, ..)| path.strip_prefix(prefix.as_str())?.split('/').next())
            .collect();
        names.sort_unstable();
        names.dedup();
        let entries = names.iter().map(|name| Entry {
            name: (*name).into(),
            kind: match is_folder(&format!("{prefix}{name}")) {
                true => Kind::Directory,
                false => Kind::Link,
            },
        });
        Ok(entries.collect())
    }

    fn now(&self) -> i64 {
        1_700_000_000
    }
}

/// The content of a regular file.
pub fn content(file: &File) -> Option<&'static [u8]> {
    match file {
        File::Regular(index) => FILES.get(*index).map(|(_, content, _)| *content),
        File::Folder(_) | File::Other => None,
    }
}

/// Bytes `offset` to `offset + length`. None if there are fewer.
pub fn part(content: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = usize::try_from(offset.checked_add(length)?).ok()?;
    content.get(start..end)
}

/// Whether a path is relative, without dot segments and empty segments.
fn stays_within(path: &str) -> bool {
    path == "."
        || (!path.contains('\0')
            && path
                .split('/')
                .all(|segment| !matches!(segment, "" | "." | "..")))
}

fn is_folder(path: &str) -> bool {
    FILES.iter().any(|(name, ..)| {
        name.strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('/'))
    })
}

fn kind(file: &File) -> Kind {
    match file {
        File::Regular(_) => Kind::File,
        File::Folder(_) => Kind::Directory,
        File::Other => Kind::Other,
    }
}
