//! Listings: the entries of a folder, read in small parts as the guest asks for them.
//!
//! wasmtime-wasi reads a whole folder at once. A folder with many files would then take memory and time that no limit
//! bounds.

use std::collections::VecDeque;
use std::mem::MaybeUninit;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, openat, statat};
use rustix::io::Errno;
use wasmtime_wasi::filesystem::Dir;
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};

use super::open::{code, descriptor_type};
use super::view::{FilesView, TOO_MANY_OPEN_FILES};
use crate::account::ledger::Held;
use crate::account::resource::Resource;

/// The position of a guest in a folder.
pub(crate) struct Listing {
    folder: OwnedFd,
    /// Entries that were read and that the guest has not asked for yet.
    read: VecDeque<DirectoryEntry>,
    _file: Held,
    _memory: Held,
}

impl Listing {
    /// Begins a listing, which is charged to the account until it is dropped.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or the instance, the handler or the server has too many open files.
    pub fn of(directory: &Dir, view: &FilesView<'_>) -> Result<Self, ErrorCode> {
        let file = view.account.hold(Resource::OpenFiles, 1);
        let memory = view.account.hold(Resource::Memory, PART_IN_MEMORY);
        let (Ok(file), Ok(memory)) = (file, memory) else {
            return Err(TOO_MANY_OPEN_FILES);
        };
        // The guest's own handle has one position for all its listings.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            folder: openat(&*directory.dir, ".", flags, Mode::empty()).map_err(code)?,
            read: VecDeque::new(),
            _file: file,
            _memory: memory,
        })
    }

    /// The next entry, in the order of the file system. None at the end.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or the name of an entry is not UTF-8, which WASI demands.
    pub fn next(&mut self) -> Result<Option<DirectoryEntry>, ErrorCode> {
        if self.read.is_empty() {
            self.read_part()?;
        }
        match self.read.pop_front() {
            Some(entry) if entry.name.is_empty() => Err(ErrorCode::IllegalByteSequence),
            entry => Ok(entry),
        }
    }

    /// The entries that can be had without reading again, at most `most`.
    pub fn take(&mut self, most: usize) -> Result<Vec<DirectoryEntry>, ErrorCode> {
        let mut entries: Vec<_> = self.next()?.into_iter().collect();
        let is_name = |entry: &DirectoryEntry| !entry.name.is_empty();
        while entries.len() < most && self.read.front().is_some_and(is_name) {
            entries.extend(self.read.pop_front());
        }
        Ok(entries)
    }

    fn read_part(&mut self) -> Result<(), ErrorCode> {
        let mut buffer = [const { MaybeUninit::uninit() }; PART];
        let mut entries = RawDir::new(self.folder.as_fd(), &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(code)?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                let kind = match entry.file_type() {
                    FileType::Unknown => kind_of(&self.folder, name)?,
                    known => Some(descriptor_type(known)),
                };
                self.read.extend(kind.map(|type_| DirectoryEntry {
                    type_,
                    // A name is never empty, so this stands for a name that WASI cannot express.
                    name: name.to_str().unwrap_or_default().into(),
                }));
            }
            // A part that has only entries without a meaning is followed by another, because an empty one is the end.
            if entries.is_buffer_empty() && !self.read.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// The type of an entry on file systems that do not tell it in their folders. None if the entry is gone.
fn kind_of(folder: &OwnedFd, name: &std::ffi::CStr) -> Result<Option<DescriptorType>, ErrorCode> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(descriptor_type(FileType::from_raw_mode(stat.st_mode)))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(code(error)),
    }
}

/// Bytes of a folder that are read at once, some hundred entries at most.
const PART: usize = 4 << 10;

/// The most bytes of memory that the entries of a part take: the shortest entry of a folder has 24 bytes.
const PART_IN_MEMORY: u64 = 16 << 10;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use wasmtime::component::ResourceTable;
    use wasmtime_wasi::{FsPerms, OpenMode};

    use super::super::negative_cache::NegativeCache;
    use super::super::work::FileWork;
    use super::*;
    use crate::account::ledger::Account;
    use crate::account::resource::Scope;
    use crate::wasi::open_files::OpenFiles;

    #[test]
    fn lists_every_entry_once_and_holds_few_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let names: HashSet<String> = (0..3000).map(|number| format!("file {number}")).collect();
        for name in &names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let directory = std::fs::File::open(folder.path()).unwrap();
        let directory = Dir::new(directory, FsPerms::ReadOnly, OpenMode::READ, true);
        let account = Arc::new(Account::server().child(Scope::Handler));
        let mut listing = Listing::of(
            &directory,
            &FilesView {
                table: &mut ResourceTable::new(),
                account: &account,
                open_files: &mut OpenFiles::default(),
                last_opened: &mut None,
                negative_cache: &NegativeCache::new(std::time::SystemTime::now),
                work: &FileWork::new(),
            },
        )
        .unwrap();
        assert_eq!(account.used(Resource::OpenFiles), 1);
        let mut found = HashSet::new();
        while let Some(entry) = listing.next().unwrap() {
            assert!(listing.read.len() < PART / 24);
            assert!(found.insert(entry.name));
        }
        assert_eq!(found, names);
        drop(listing);
        assert_eq!(account.used(Resource::OpenFiles), 0);
        assert_eq!(account.used(Resource::Memory), 0);
    }
}
