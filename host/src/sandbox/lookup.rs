//! How a guest finds files, on Linux: `open-at`, `stat-at` and `stat` of `wasi:filesystem/types`.
//!
//! They replace those of wasmtime-wasi. Opening a FIFO waits for its other end, opening some
//! devices for their hardware, and either would take a thread along: these open without waiting, and then refuse
//! what is neither file nor directory. And looking for what is not there is no failure for a web server, which
//! does it all day: here it makes no error value, with its allocation and its backtrace. `stat` of a file just opened
//! tells what opening it found out.

use std::fs::File as OsFile;
use std::sync::{Arc, LazyLock};

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::io::Errno;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, Dir, File};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use wasmtime_wasi::{FsPerms, OpenMode};

use super::state::State;

type OpenAt = (
    Resource<Descriptor>,
    PathFlags,
    String,
    OpenFlags,
    DescriptorFlags,
);
type StatAt = (Resource<Descriptor>, PathFlags, String);

/// Whether the kernel has openat2(2), and the process is let use it: it came with Linux 5.6, and some sandboxes
/// for system calls do not know it.
pub(super) fn is_available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(|| {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        openat2(CWD, ".", flags, Mode::empty(), ResolveFlags::BENEATH).is_ok()
    });
    *AVAILABLE
}

/// Defines the functions, in place of those that the linker has.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store: StoreContextMut<'_, State>, (descriptor, follow, path, open, flags): OpenAt| {
            Box::new(async move {
                let opened = look_up(&mut store, &descriptor, move |directory, on_thread| {
                    open_at(directory, follow, &path, open, flags, on_thread)
                });
                let opened = match opened.await? {
                    Ok((descriptor, stat)) => {
                        let state = store.data_mut();
                        if let Descriptor::File(file) = &descriptor {
                            state.opened = Some((file.file.clone(), stat));
                        }
                        Ok(state.table.push(descriptor)?)
                    }
                    Err(code) => Err(code),
                };
                Ok((opened,))
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.stat",
        |mut store: StoreContextMut<'_, State>, (descriptor,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let state = store.data_mut();
                let found = state.table.get(&descriptor)?.clone();
                match (&found, state.opened.take()) {
                    (Descriptor::File(file), Some((opened, stat)))
                        if Arc::ptr_eq(&file.file, &opened) =>
                    {
                        Ok((Ok(stat),))
                    }
                    _ if state.files_on_thread() => Ok((stat(&found),)),
                    _ => Ok((tokio::task::spawn_blocking(move || stat(&found)).await?,)),
                }
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.stat-at",
        |mut store: StoreContextMut<'_, State>, (descriptor, follow, path): StatAt| {
            Box::new(async move {
                let found = look_up(&mut store, &descriptor, move |directory, _| {
                    stat_at(directory, follow, &path)
                });
                Ok((found.await?,))
            })
        },
    )
}

/// Does `what` to a directory, on this thread or where the handler may write on another (see
/// [`FileSystem`](super::filesystem::FileSystem)).
async fn look_up<T: Send + 'static>(
    store: &mut StoreContextMut<'_, State>,
    descriptor: &Resource<Descriptor>,
    what: impl FnOnce(&Dir, bool) -> Result<T, ErrorCode> + Send + 'static,
) -> wasmtime::Result<Result<T, ErrorCode>> {
    let state = store.data_mut();
    let on_thread = state.files_on_thread();
    let Descriptor::Dir(directory) = state.table.get(descriptor)? else {
        return Ok(Err(ErrorCode::NotDirectory));
    };
    if on_thread {
        return Ok(what(directory, true));
    }
    let directory = directory.clone();
    Ok(tokio::task::spawn_blocking(move || what(&directory, false)).await?)
}

fn open_at(
    directory: &Dir,
    follow: PathFlags,
    path: &str,
    open: OpenFlags,
    flags: DescriptorFlags,
    on_thread: bool,
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
        DescriptorType::Directory => Descriptor::Dir(Dir::new(file, perms, mode, on_thread)),
        DescriptorType::RegularFile => Descriptor::File(File::new(file, perms, mode, on_thread)),
        _ => return Err(ErrorCode::Unsupported),
    };
    Ok((descriptor, stat))
}

fn stat(descriptor: &Descriptor) -> Result<DescriptorStat, ErrorCode> {
    let found = match descriptor {
        Descriptor::File(file) => fstat(&*file.file),
        Descriptor::Dir(directory) => fstat(&*directory.dir),
    };
    Ok(descriptor_stat(&found.map_err(code)?))
}

fn stat_at(directory: &Dir, follow: PathFlags, path: &str) -> Result<DescriptorStat, ErrorCode> {
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
        type_: match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => DescriptorType::Directory,
            FileType::RegularFile => DescriptorType::RegularFile,
            FileType::Symlink => DescriptorType::SymbolicLink,
            FileType::Fifo => DescriptorType::Fifo,
            FileType::Socket => DescriptorType::Socket,
            FileType::CharacterDevice => DescriptorType::CharacterDevice,
            FileType::BlockDevice => DescriptorType::BlockDevice,
            _ => DescriptorType::Unknown,
        },
        link_count: stat.st_nlink as u64,
        size: stat.st_size as u64,
        data_access_timestamp: datetime(stat.st_atime, stat.st_atime_nsec as u64),
        data_modification_timestamp: datetime(stat.st_mtime, stat.st_mtime_nsec as u64),
        status_change_timestamp: datetime(stat.st_ctime, stat.st_ctime_nsec as u64),
    }
}

/// None for times before 1970, which WASI 0.2 cannot tell.
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

/// openat2(2) with RESOLVE_BENEATH: the kernel itself refuses what would lead out of the directory.
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
            // A rename beside a `..` makes the kernel unsure; interruptions happen.
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => return result.map_err(code),
        }
    }
    Err(ErrorCode::Busy)
}

fn code(error: Errno) -> ErrorCode {
    match error {
        Errno::NOENT => ErrorCode::NoEntry,
        // Out of the directory.
        Errno::XDEV => ErrorCode::NotPermitted,
        // A socket, a FIFO that is to be written, a device that is not there.
        Errno::NXIO | Errno::NODEV => ErrorCode::Unsupported,
        other => ErrorCode::from(std::io::Error::from(other)),
    }
}

/// The interface as wasmtime-wasi names it.
const TYPES: &str = "wasi:filesystem/types@0.2.12";

const RETRIES: usize = 8;
