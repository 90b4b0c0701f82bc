//! Reads files from folders that others may write to: only regular files, and only up to a bound.
//!
//! Opening a FIFO waits for a writer, reading a device may never end, and a file may grow while it is read.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use bytesize::ByteSize;

/// Reads a file of at most `most` bytes.
///
/// # Errors
///
/// If the file cannot be opened or read, is not a regular file, or is larger ([`ErrorKind::FileTooLarge`]).
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Opening a device may already have an effect.
    check(&path.metadata()?)?;
    let file = open(path)?;
    let found = file.metadata()?;
    check(&found)?;
    if found.len() > most {
        return Err(too_large(most));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= most {
        true => Ok(bytes),
        false => Err(too_large(most)),
    }
}

/// # Errors
///
/// If it is not a regular file. The error says what it is.
pub fn check(found: &Metadata) -> io::Result<()> {
    match found.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(
            ErrorKind::InvalidInput,
            format!(
                "it is {}, not a regular file; put a file in its place",
                kind(found.file_type())
            ),
        )),
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

fn too_large(most: u64) -> io::Error {
    let message = format!("it is larger than {}", ByteSize::b(most));
    io::Error::new(ErrorKind::FileTooLarge, message)
}

#[cfg(unix)]
fn kind(found: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if found.is_dir() {
        "a folder"
    } else if found.is_fifo() {
        "a FIFO"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn kind(found: FileType) -> &'static str {
    match found.is_dir() {
        true => "a folder",
        false => "a device",
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn reads_regular_files_up_to_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "12345").unwrap();
        assert_eq!(read(&at("file"), 5).unwrap(), b"12345");
        let error = read(&at("file"), 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{error}");
        assert_eq!(
            read(&at("none"), 5).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn refuses_what_is_no_regular_file_without_waiting() {
        use rustix::fs::{CWD, Mode, mkfifoat};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mkfifoat(CWD, at("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (name, expected) in [
            ("fifo", "a FIFO"),
            ("zero", "a device"),
            ("socket", "a socket"),
            (".", "a folder"),
        ] {
            let error = read(&at(name), 1 << 20).unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
    }
}
