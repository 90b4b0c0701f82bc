//! Files of the granted folders.

use std::io::{self, Read};

use crate::bindings::belljar::handler::types;

/// An open regular file, or the part of it that is to be sent.
///
/// [`Read`] reads what is left of that part.
#[derive(Debug)]
pub struct File {
    handle: platform::Handle,
    /// Where the part begins, in bytes from the file's beginning.
    pub offset: u64,
    /// In bytes. More than the file has from there on ends in a 500.
    pub length: u64,
}

impl File {
    /// Opens a file to read it, by its path as `std::fs` takes it.
    ///
    /// The path is looked for in the granted folder whose name it begins with, and within that alone: `..` is
    /// refused, and links that lead out of the folder lead nowhere. Outside of a sandbox, in native tests, the
    /// current folder stands for the one that is granted as `/`, and links lead wherever they lead.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is no such file below the granted folders, or where it is no regular file.
    pub fn open(path: &str) -> io::Result<File> {
        let missing = || {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("there is no file {path:?}"),
            )
        };
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
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer
            .len()
            .min(usize::try_from(self.length).unwrap_or(usize::MAX));
        let count = platform::read(&self.handle, &mut buffer[..most], self.offset)?;
        self.offset += count as u64;
        self.length -= count as u64;
        Ok(count)
    }
}

impl From<File> for types::Body {
    fn from(file: File) -> types::Body {
        platform::body(file)
    }
}

/// The folder of these that holds a path, and the path within it. None where no folder does, where the path is the
/// folder itself, or where it climbs with `..`.
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

/// A relative path is one from the root.
fn segments(path: &str) -> Vec<&str> {
    path.split('/')
        .filter(|segment| !matches!(*segment, "" | "."))
        .collect()
}

#[cfg(target_family = "wasm")]
mod platform {
    use std::io::{self, Read};

    use super::types;
    use crate::bindings::wasi::filesystem::preopens::get_directories;
    use crate::bindings::wasi::filesystem::types::{
        Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags,
    };

    pub type Handle = Descriptor;

    pub fn folders() -> Vec<(Descriptor, String)> {
        get_directories()
    }

    /// The file and its length in bytes; None where it is not there.
    pub fn open(folder: &Descriptor, path: &str) -> io::Result<Option<(Descriptor, u64)>> {
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
            Err(error) => Err(failure(path, error)),
        }
    }

    pub fn read(file: &Descriptor, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (bytes, _) = file
            .read(buffer.len() as u64, offset)
            .map_err(|error| failure("a file", error))?;
        (&bytes[..]).read(buffer)
    }

    pub fn body(file: super::File) -> types::Body {
        types::Body::File(types::File {
            descriptor: file.handle,
            offset: file.offset,
            length: file.length,
        })
    }

    /// `not-permitted` and `cross-device` are the server's words for a path that leads out of the folder;
    /// `unsupported`, `no-device` and `no-such-device` say that what is there is no regular file.
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

    fn failure(path: &str, error: ErrorCode) -> io::Error {
        io::Error::other(format!("{path}: {}", error.message()))
    }
}

/// For tests: the current folder instead of granted ones.
#[cfg(not(target_family = "wasm"))]
mod platform {
    use std::fs;
    use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
    use std::path::{Path, PathBuf};

    use super::types;

    pub type Handle = fs::File;

    pub fn folders() -> Vec<(PathBuf, String)> {
        vec![(PathBuf::from("."), "/".to_owned())]
    }

    /// The file and its length in bytes; None where it is not there.
    pub fn open(folder: &Path, path: &str) -> io::Result<Option<(fs::File, u64)>> {
        let path = folder.join(path);
        // Before it is opened, which would wait for a named pipe's writer.
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some((fs::File::open(path)?, metadata.len()))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error),
            Err(_) => Ok(None),
        }
    }

    pub fn read(mut file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    }

    /// Bytes, since there is no server to send the file.
    pub fn body(mut file: super::File) -> types::Body {
        let mut bytes = Vec::new();
        let _ = file.read_to_end(&mut bytes);
        types::Body::Bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::beneath;

    #[test]
    fn a_path_is_looked_for_below_the_deepest_folder_that_holds_it() {
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
