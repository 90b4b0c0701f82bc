//! What the rules need to know of the site: the seam between them and WASI.

use alloc::string::String;
use alloc::vec::Vec;

/// The files of the site. Paths are relative to its root, decoded, separated by `/`, with neither a leading
/// nor a trailing slash and without dot segments; the root itself is `.`. Symbolic links are followed, and a
/// path that leads out of the root is [`Failure::Missing`].
pub trait Files {
    /// An open file or directory.
    type File;

    /// Opens `path` for reading and says what it is.
    fn open(&self, path: &str) -> Result<Opened<Self::File>, Failure>;

    /// What `path` is, without opening it.
    fn kind(&self, path: &str) -> Result<Kind, Failure>;

    /// `length` bytes from `offset`, appended to `into`. A file that ends before is [`Failure::Broken`].
    fn read(
        &self,
        file: &Self::File,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Failure>;

    /// The entries of an open directory, in no order, without `.` and `..`.
    fn list(&self, directory: &Self::File) -> Result<Vec<Entry>, Failure>;

    /// The time now, in seconds since 1970-01-01 00:00 UTC.
    fn now(&self) -> i64;
}

/// An open file and what was known of it when it was opened.
#[derive(Debug)]
pub struct Opened<T> {
    pub file: T,
    pub stat: Stat,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub kind: Kind,
    /// In bytes.
    pub size: u64,
    /// When the content was last changed; none where the file system does not tell.
    pub modified: Option<Time>,
    /// When the file's status was last changed, or when it was made: whichever the host knows.
    pub changed: Option<Time>,
}

/// A moment since 1970-01-01 00:00 UTC.
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
    /// A symbolic link that was not followed: an entry of a listing.
    Link,
    /// A device, a FIFO, a socket.
    Other,
}

/// One name of a directory.
#[derive(Debug)]
pub struct Entry {
    pub name: String,
    pub kind: Kind,
}

/// Why a file cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is not there, or it is and nobody may know: beyond the root, a loop of links, no regular file.
    Missing,
    /// It is there and the operating system does not let the server read it.
    Unreadable,
    /// The file system failed.
    Broken,
}
