//! The interface between the rules and the site's files, which WASI or a test provides.

use alloc::string::String;
use alloc::vec::Vec;

/// The files of the site.
///
/// Paths are decoded and relative to the root, without leading or trailing slash and without dot segments; the root itself
/// is `.`. Symbolic links are followed. A path that leads out of the root is [`Failure::Missing`].
pub trait Files {
    /// An open file or directory.
    type File;

    /// Opens `path` for reading.
    fn open(&self, path: &str) -> Result<Opened<Self::File>, Failure>;

    /// The kind of the file at `path`, which is not opened.
    fn kind(&self, path: &str) -> Result<Kind, Failure>;

    /// Appends `length` bytes from `offset` to `into`. A file that ends too early is [`Failure::Broken`].
    fn read(
        &self,
        file: &Self::File,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Failure>;

    /// The entries of an open directory without `.` and `..`, in any order.
    fn list(&self, directory: &Self::File) -> Result<Vec<Entry>, Failure>;

    /// The current time in seconds since 1970-01-01 00:00 UTC.
    fn now(&self) -> i64;
}

/// An open file and its status when it was opened.
#[derive(Debug)]
pub struct Opened<T> {
    pub file: T,
    pub stat: Stat,
}

/// The status of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub kind: Kind,
    /// In bytes.
    pub size: u64,
    /// When the content was last changed; None if the file system does not provide it.
    pub modified: Option<Time>,
    /// When the file's status was last changed, or when it was created: whichever the host provides.
    pub changed: Option<Time>,
}

/// A time since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    pub seconds: u64,
    /// 0 to 999 999 999.
    pub nanoseconds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    /// A symbolic link that was not followed, as an entry of a directory.
    Link,
    /// A device, a FIFO or a socket.
    Other,
}

/// An entry of a directory.
#[derive(Debug)]
pub struct Entry {
    pub name: String,
    pub kind: Kind,
}

/// Why a file cannot be opened or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no such file, or the client must not know of it: outside the root, a loop of links, not a regular file.
    Missing,
    /// The operating system does not let the server read it.
    Unreadable,
    /// The file system failed.
    Broken,
}
