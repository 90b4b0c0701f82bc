//! An in-memory file system: a test double for the site.

use crate::files::{Entry, Failure, Files, Kind, Opened, Stat, Time};
use std::collections::BTreeMap;

/// Maps paths to contents or failures. A path implies the directories above it.
#[derive(Default)]
pub struct InMemoryFiles {
    nodes: BTreeMap<String, Node>,
    now: Option<i64>,
}

enum Node {
    File(Vec<u8>, u64),
    Other,
    Failing(Failure),
}

/// 1994-11-06 08:49:37
pub const MODIFIED: u64 = 784_111_777;

impl InMemoryFiles {
    pub fn file(self, path: &str, content: &str) -> InMemoryFiles {
        self.file_of_time(path, content, MODIFIED)
    }

    pub fn file_of_time(self, path: &str, content: &str, modified: u64) -> InMemoryFiles {
        self.with(path, Node::File(content.into(), modified))
    }

    /// A FIFO.
    pub fn fifo(self, path: &str) -> InMemoryFiles {
        self.with(path, Node::Other)
    }

    pub fn failing(self, path: &str, failure: Failure) -> InMemoryFiles {
        self.with(path, Node::Failing(failure))
    }

    pub fn at(self, now: i64) -> InMemoryFiles {
        InMemoryFiles {
            now: Some(now),
            ..self
        }
    }

    pub fn read_all(&self, file: &String) -> &str {
        match self.nodes.get(file) {
            Some(Node::File(content, _)) => std::str::from_utf8(content).unwrap(),
            _ => panic!("{file} is not a file"),
        }
    }

    fn with(mut self, path: &str, node: Node) -> InMemoryFiles {
        self.nodes.insert(path.into(), node);
        self
    }

    fn is_directory(&self, path: &str) -> bool {
        path == "."
            || self
                .nodes
                .keys()
                .any(|key| key.starts_with(&format!("{path}/")))
    }
}

impl Files for InMemoryFiles {
    type File = String;

    fn open(&self, path: &str) -> Result<Opened<String>, Failure> {
        assert!(
            !path.is_empty() && !path.starts_with('/') && !path.ends_with('/'),
            "{path:?}"
        );
        let modified = |seconds| {
            Some(Time {
                seconds,
                nanoseconds: 5 * u32::from(seconds > 0),
            })
        };
        let (kind, size, modified) = match self.nodes.get(path) {
            Some(Node::File(content, time)) => (Kind::File, content.len() as u64, modified(*time)),
            Some(Node::Other) => (Kind::Other, 0, None),
            Some(Node::Failing(failure)) => return Err(*failure),
            None if self.is_directory(path) => (Kind::Directory, 4096, modified(MODIFIED)),
            None => return Err(Failure::Missing),
        };
        Ok(Opened {
            file: path.into(),
            stat: Stat {
                kind,
                size,
                modified,
                // The system sets this time by its clock, whatever the modification time is.
                changed: modified.filter(|time| time.seconds <= self.now().unsigned_abs()),
            },
        })
    }

    fn kind(&self, path: &str) -> Result<Kind, Failure> {
        self.open(path).map(|opened| opened.stat.kind)
    }

    fn read(
        &self,
        file: &String,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let content = self.read_all(file).as_bytes();
        let part = content
            .get(offset as usize..(offset + length) as usize)
            .ok_or(Failure::Broken)?;
        into.extend_from_slice(part);
        Ok(())
    }

    fn list(&self, directory: &String) -> Result<Vec<Entry>, Failure> {
        let prefix = if directory == "." {
            String::new()
        } else {
            format!("{directory}/")
        };
        let names = self
            .nodes
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix));
        let mut names: Vec<_> = names.map(|rest| rest.split('/').next().unwrap()).collect();
        names.dedup();
        let entry = |name: &&str| {
            // A failing path stands for a broken link.
            let kind = self.kind(&format!("{prefix}{name}")).unwrap_or(Kind::Link);
            Entry {
                name: (*name).into(),
                kind,
            }
        };
        Ok(names.iter().rev().map(entry).collect())
    }

    fn now(&self) -> i64 {
        self.now.unwrap_or(1_700_000_000)
    }
}
