//! Opens and inspects files below a directory with openat2(2), which Linux has since 5.6.

use std::fs::File as OsFile;
use std::sync::LazyLock;

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::io::Errno;
use wasmtime_wasi::filesystem::{Descriptor, Dir, File};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use wasmtime_wasi::{FsPerms, OpenMode};

/// Whether the kernel has openat2(2) and lets this process use it. Some sandboxes for system calls do not know it.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(|| {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        openat2(CWD, ".", flags, Mode::empty(), ResolveFlags::BENEATH).is_ok()
    });
    *AVAILABLE
}

/// Opens a file or directory.
pub(super) fn open_at(
    directory: &Dir,
    follow: PathFlags,
    path: &str,
    open: OpenFlags,
    flags: DescriptorFlags,
) -> Result<(Descriptor, DescriptorStat), ErrorCode> {
    let unsupported = DescriptorFlags::FILE_INTEGRITY_SYNC
        | DescriptorFlags::DATA_INTEGRITY_SYNC
        | DescriptorFlags::REQUESTED_WRITE_SYNC;
    if flags.intersects(unsupported) {
        return Err(ErrorCode::Unsupported);
    }
    let changes = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
    if open.contains(OpenFlags::DIRECTORY) && open.intersects(changes) {
        return Err(ErrorCode::Invalid);
    }
    let write = flags.contains(DescriptorFlags::WRITE)
        || open.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
    let read = flags.contains(DescriptorFlags::READ) || !write;
    if write && directory.perms == FsPerms::ReadOnly {
        return Err(ErrorCode::NotPermitted);
    }
    let mut mode = OpenMode::empty();
    mode.set(OpenMode::READ, read);
    mode.set(OpenMode::WRITE, write);

    let mut os = OFlags::NONBLOCK | OFlags::NOCTTY | following(follow);
    os |= match (read, write) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    };
    os.set(OFlags::DIRECTORY, open.contains(OpenFlags::DIRECTORY));
    os.set(OFlags::CREATE, open.contains(OpenFlags::CREATE));
    os.set(OFlags::EXCL, open.contains(OpenFlags::EXCLUSIVE));
    os.set(OFlags::TRUNC, open.contains(OpenFlags::TRUNCATE));
    let permissions = match open.contains(OpenFlags::CREATE) {
        true => Mode::from_raw_mode(0o666),
        false => Mode::empty(),
    };

    let file = OsFile::from(beneath(directory, path, os, permissions)?);
    let perms = directory.perms;
    let stat = descriptor_stat(&fstat(&file).map_err(code)?);
    let descriptor = match stat.type_ {
        DescriptorType::Directory => Descriptor::Dir(Dir::new(file, perms, mode, true)),
        DescriptorType::RegularFile => Descriptor::File(File::new(file, perms, mode, true)),
        _ => return Err(ErrorCode::Unsupported),
    };
    Ok((descriptor, stat))
}

/// The attributes of an open file or directory.
pub(super) fn stat(descriptor: &Descriptor) -> Result<DescriptorStat, ErrorCode> {
    let found = match descriptor {
        Descriptor::File(file) => fstat(&*file.file),
        Descriptor::Dir(directory) => fstat(&*directory.dir),
    };
    Ok(descriptor_stat(&found.map_err(code)?))
}

/// The attributes of what a path leads to.
pub(super) fn stat_at(
    directory: &Dir,
    follow: PathFlags,
    path: &str,
) -> Result<DescriptorStat, ErrorCode> {
    let flags = OFlags::PATH | following(follow);
    let found = beneath(directory, path, flags, Mode::empty())?;
    Ok(descriptor_stat(&fstat(found).map_err(code)?))
}

#[allow(
    clippy::unnecessary_cast,
    reason = "the fields have other types on other processors"
)]
fn descriptor_stat(stat: &Stat) -> DescriptorStat {
    DescriptorStat {
        type_: descriptor_type(FileType::from_raw_mode(stat.st_mode)),
        link_count: stat.st_nlink as u64,
        size: stat.st_size as u64,
        data_access_timestamp: datetime(stat.st_atime, stat.st_atime_nsec as u64),
        data_modification_timestamp: datetime(stat.st_mtime, stat.st_mtime_nsec as u64),
        status_change_timestamp: datetime(stat.st_ctime, stat.st_ctime_nsec as u64),
    }
}

pub(super) fn descriptor_type(found: FileType) -> DescriptorType {
    match found {
        FileType::Directory => DescriptorType::Directory,
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        _ => DescriptorType::Unknown,
    }
}

/// A time of WASI 0.2. None for times before 1970, which it cannot express.
fn datetime(seconds: i64, nanoseconds: u64) -> Option<Datetime> {
    Some(Datetime {
        seconds: u64::try_from(seconds).ok()?,
        nanoseconds: u32::try_from(nanoseconds).ok()?,
    })
}

fn following(follow: PathFlags) -> OFlags {
    match follow.contains(PathFlags::SYMLINK_FOLLOW) {
        true => OFlags::empty(),
        false => OFlags::NOFOLLOW,
    }
}

/// openat2(2) with RESOLVE_BENEATH: the kernel itself refuses paths that lead out of the directory.
fn beneath(directory: &Dir, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, ErrorCode> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..RETRIES {
        match openat2(
            &*directory.dir,
            path,
            flags | OFlags::CLOEXEC,
            mode,
            resolve,
        ) {
            // The kernel asks to retry if a rename happens beside a `..`, or a signal interrupts the call.
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => return result.map_err(code),
        }
    }
    Err(ErrorCode::Busy)
}

pub(super) fn code(error: Errno) -> ErrorCode {
    match error {
        Errno::NOENT => ErrorCode::NoEntry,
        // The path leads out of the directory.
        Errno::XDEV => ErrorCode::NotPermitted,
        // A socket, a FIFO without a reader, or a device that does not exist.
        Errno::NXIO | Errno::NODEV => ErrorCode::Unsupported,
        other => ErrorCode::from(std::io::Error::from(other)),
    }
}

/// Attempts to open a file before it counts as busy.
const RETRIES: usize = 8;
