//! Files of the granted folders.

use alloc::string::String;
use alloc::vec::Vec;

use crate::Error;
use crate::bindings::belljar::handler::types;

/// An open regular file, or the part of it that the server sends.
///
/// With the feature `std`, `std::io::Read` reads the rest of that part.
#[derive(Debug)]
pub struct File {
    handle: platform::Handle,
    /// The start of the part, in bytes from the beginning of the file.
    pub offset: u64,
    /// The length of the part in bytes. A part that extends past the end of the file ends in a 500.
    pub length: u64,
}

impl File {
    /// Opens a file for reading.
    ///
    /// The path is a path of the file system, as `std::fs` takes it. The file is opened in the granted folder that the path
    /// begins with, and only there: `..` is refused, and a link out of the folder counts as missing. In native tests,
    /// which have no sandbox, the current folder stands for the folder granted as `/`, and links are followed anywhere.
    ///
    /// # Errors
    ///
    /// 404 if the granted folders have no such file, or if it is not a regular file; 500 if it cannot be opened.
    pub fn open(path: &str) -> Result<File, Error> {
        let missing = || Error::new(404, alloc::format!("there is no file {path:?}"));
        let folders = platform::folders();
        let names = folders.iter().map(|(_, name)| name.as_str());
        let (index, rest) = beneath(path, names).ok_or_else(missing)?;
        let (folder, _) = folders.get(index).ok_or_else(missing)?;
        let (handle, length) = platform::open(folder, &rest)?.ok_or_else(missing)?;
        Ok(File {
            handle,
            offset: 0,
            length,
        })
    }

    /// Reads the rest of the part.
    pub(crate) fn into_bytes(mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        loop {
            let mut next = self.next(READ_SIZE)?;
            if next.is_empty() {
                return Ok(bytes);
            }
            bytes.append(&mut next);
        }
    }

    /// Reads up to `most` bytes; none at the end of the part or of the file.
    fn next(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        let most = usize::try_from(self.length).map_or(most, |left| left.min(most));
        let bytes = platform::read(&self.handle, most, self.offset)?;
        self.offset += bytes.len() as u64;
        self.length -= bytes.len() as u64;
        Ok(bytes)
    }
}

#[cfg(feature = "std")]
impl std::io::Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self
            .next(buffer.len())
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        bytes.as_slice().read(buffer)
    }
}

impl From<File> for types::Body {
    fn from(file: File) -> types::Body {
        platform::body(file)
    }
}

/// Returns the index of the deepest folder that contains a path, and the rest of the path. None if no folder contains it,
/// if the path is the folder itself, or if it has a `..`.
fn beneath<'a>(path: &str, folders: impl Iterator<Item = &'a str>) -> Option<(usize, String)> {
    let path = segments(path);
    if path.contains(&"..") {
        return None;
    }
    let (_, index, rest) = folders
        .enumerate()
        .filter_map(|(index, name)| {
            let name = segments(name);
            let rest = path.strip_prefix(name.as_slice())?;
            Some((name.len(), index, rest))
        })
        .filter(|(_, _, rest)| !rest.is_empty())
        .max_by_key(|(depth, ..)| *depth)?;
    Some((index, rest.join("/")))
}

/// The segments of a path. A relative path starts at the root.
fn segments(path: &str) -> Vec<&str> {
    path.split('/')
        .filter(|segment| !matches!(*segment, "" | "."))
        .collect()
}

#[cfg(target_family = "wasm")]
mod platform {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::types;
    use crate::Error;
    use crate::bindings::wasi::filesystem::preopens::get_directories;
    use crate::bindings::wasi::filesystem::types::{
        Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags,
    };

    pub type Handle = Descriptor;

    pub fn folders() -> Vec<(Descriptor, String)> {
        get_directories()
    }

    /// Returns the file and its length in bytes; None if there is no such file.
    pub fn open(folder: &Descriptor, path: &str) -> Result<Option<(Descriptor, u64)>, Error> {
        let flags = DescriptorFlags::READ;
        let opened = folder
            .open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), flags)
            .and_then(|file| Ok((file.stat()?, file)));
        match opened {
            Ok((stat, file)) if stat.type_ == DescriptorType::RegularFile => {
                Ok(Some((file, stat.size)))
            }
            Ok(_) => Ok(None),
            Err(error) if is_missing(error) => Ok(None),
            Err(error) => Err(alloc::format!("cannot open {path}: {}", error.message()).into()),
        }
    }

    pub fn read(file: &Descriptor, most: usize, offset: u64) -> Result<Vec<u8>, Error> {
        match file.read(most as u64, offset) {
            Ok((bytes, _)) => Ok(bytes),
            Err(error) => Err(alloc::format!("cannot read a file: {}", error.message()).into()),
        }
    }

    pub fn body(file: super::File) -> types::Body {
        types::Body::File(types::File {
            descriptor: file.handle,
            offset: file.offset,
            length: file.length,
        })
    }

    /// The server reports a path that leads out of the folder as `not-permitted` or `cross-device`, and something that
    /// is not a regular file as `unsupported`, `no-device` or `no-such-device`.
    fn is_missing(error: ErrorCode) -> bool {
        matches!(
            error,
            ErrorCode::NoEntry
                | ErrorCode::NotDirectory
                | ErrorCode::Loop
                | ErrorCode::NameTooLong
                | ErrorCode::IllegalByteSequence
                | ErrorCode::Invalid
                | ErrorCode::NotPermitted
                | ErrorCode::CrossDevice
                | ErrorCode::Unsupported
                | ErrorCode::NoDevice
                | ErrorCode::NoSuchDevice
        )
    }
}

/// Native tests use the current folder instead of granted ones.
#[cfg(not(target_family = "wasm"))]
mod platform {
    use std::fs;
    use std::io::{ErrorKind, Read, Seek, SeekFrom};
    use std::path::{Path, PathBuf};

    use super::types;
    use crate::Error;

    pub type Handle = fs::File;

    pub fn folders() -> Vec<(PathBuf, String)> {
        vec![(PathBuf::from("."), "/".to_owned())]
    }

    /// Returns the file and its length in bytes; None if there is no such file.
    pub fn open(folder: &Path, path: &str) -> Result<Option<(fs::File, u64)>, Error> {
        let path = folder.join(path);
        // Opening a named pipe would wait for its writer.
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some((fs::File::open(path)?, metadata.len()))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    pub fn read(mut file: &fs::File, most: usize, offset: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(offset))?;
        file.take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Natively there is no server that could send the file, so the body is its bytes.
    pub fn body(file: super::File) -> types::Body {
        types::Body::Bytes(file.into_bytes().unwrap_or_default())
    }
}

/// In bytes.
const READ_SIZE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::beneath;

    #[test]
    fn finds_a_path_in_the_deepest_folder_that_contains_it() {
        let cases = [
            ("/index.html", Some((0, "index.html"))),
            ("index.html", Some((0, "index.html"))),
            ("//a/./b", Some((0, "a/b"))),
            ("/data/x", Some((1, "x"))),
            ("data/x", Some((1, "x"))),
            ("/data/deep/x", Some((2, "x"))),
            ("/data/deeper/x", Some((1, "deeper/x"))),
            ("/database", Some((0, "database"))),
            ("/data", Some((0, "data"))),
            ("/", None),
            ("", None),
            ("/..", None),
            ("/data/../secret", None),
            ("../secret", None),
            ("/a/..", None),
        ];
        for (path, expected) in cases {
            let found = beneath(path, ["/", "/data", "/data/deep/"].into_iter());
            let expected = expected.map(|(index, rest)| (index, rest.to_owned()));
            assert_eq!(found, expected, "{path}");
        }
        assert_eq!(beneath("/etc/passwd", ["/data"].into_iter()), None);
        assert_eq!(beneath("/x", [].into_iter()), None);
    }
}
