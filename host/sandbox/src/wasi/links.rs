//! Opens folders without following symbolic links, for paths that somebody else could change meanwhile.

use std::io;
use std::path::Path;

/// Whether opening a path may follow symbolic links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    Follow,
    /// The path is absolute and was resolved before. A link in it was made since, and could lead anywhere.
    Refuse,
}

/// A folder that was opened without following a link.
#[cfg(unix)]
#[derive(Debug)]
pub struct LinkFreeFolder(rustix::fd::OwnedFd);

#[cfg(unix)]
impl LinkFreeFolder {
    /// Opens the folder at an absolute path.
    ///
    /// # Errors
    ///
    /// If a part of the path is a link or no folder, or cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        use std::path::Component;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | HANDLE_ONLY;
        let mut folder = openat(CWD, "/", flags, Mode::empty())?;
        for part in path.components() {
            match part {
                Component::RootDir => {}
                Component::Normal(name) => {
                    folder = openat(&folder, name, flags, Mode::empty())?;
                }
                _ => return Err(io::ErrorKind::InvalidFilename.into()),
            }
        }
        Ok(Self(folder))
    }

    /// A path that leads to this folder while this value lives, whatever becomes of the path that it was opened by.
    #[cfg(target_os = "linux")]
    pub fn path(&self) -> std::path::PathBuf {
        use rustix::fd::AsRawFd;
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }

    /// Opens a file in this folder for reading and writing, or creates it so that only its owner can read it.
    pub(crate) fn open_file(
        &self,
        name: &std::ffi::OsStr,
        create: bool,
    ) -> io::Result<std::fs::File> {
        use rustix::fs::{Mode, OFlags, openat};
        let mut flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        flags.set(OFlags::CREATE, create);
        Ok(openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }
}

/// A handle for paths needs no permission to list the folder.
#[cfg(target_os = "linux")]
const HANDLE_ONLY: rustix::fs::OFlags = rustix::fs::OFlags::PATH;
#[cfg(all(unix, not(target_os = "linux")))]
const HANDLE_ONLY: rustix::fs::OFlags = rustix::fs::OFlags::RDONLY;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn refuses_links_in_every_part_of_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(folder.join("a/b")).unwrap();
        std::os::unix::fs::symlink("a", folder.join("link")).unwrap();
        std::fs::write(folder.join("a/file"), "").unwrap();
        LinkFreeFolder::open(&folder.join("a/b")).unwrap();
        for path in ["link", "link/b", "a/../a", "a/file", "none"] {
            LinkFreeFolder::open(&folder.join(path)).unwrap_err();
        }
        std::os::unix::fs::symlink("file", folder.join("a/other")).unwrap();
        let opened = LinkFreeFolder::open(&folder.join("a")).unwrap();
        opened.open_file("file".as_ref(), false).unwrap();
        opened.open_file("new".as_ref(), true).unwrap();
        opened.open_file("other".as_ref(), true).unwrap_err();
        opened.open_file("missing".as_ref(), false).unwrap_err();
    }
}
