//! How a guest finds files, on Linux: `open-at`, `stat-at` and `stat` of `wasi:filesystem/types`.
//!
//! They replace those of wasmtime-wasi. Opening a FIFO waits for its other end, opening some
//! devices for their hardware, and either would take a thread along: these open without waiting, and then refuse
//! what is neither file nor directory. And looking for what is not there is no failure for a web server, which
//! does it all day: here it makes no error value, with its allocation and its backtrace. `stat` of a file just opened
//! tells what opening it found out.

use std::fs::File as OsFile;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2, statat,
};
use rustix::io::Errno;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, Dir, File};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use wasmtime_wasi::{FsPerms, OpenMode};

use crate::wasi::filesystem::negative_cache::Snapshot;
use crate::wasi::host_state::State;

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
pub(crate) fn is_available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(|| {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        openat2(CWD, ".", flags, Mode::empty(), ResolveFlags::BENEATH).is_ok()
    });
    *AVAILABLE
}

/// Defines the functions, in place of those that the linker has. `on_thread` tells whether they may run on the guest's
/// own thread (see [`FileSystem`](crate::wasi::filesystem::FileSystem)): they are then ordinary functions, and cost nothing
/// but what they do.
pub(crate) fn link(linker: &mut Linker<State>, on_thread: bool) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    if on_thread {
        types.func_wrap(
            OPEN_AT,
            |mut store: StoreContextMut<'_, State>, (on, follow, path, open, flags): OpenAt| {
                let state = store.data_mut();
                let what = |on: &Dir| open_at(on, follow, &path, open, flags, true);
                let opened = match open.contains(OpenFlags::CREATE) {
                    true => directory(state, &on)?.and_then(what),
                    false => look(state, &on, &path, what)?,
                };
                Ok((keep(state, &on, path, opened)?,))
            },
        )?;
        types.func_wrap(
            STAT_AT,
            |mut store: StoreContextMut<'_, State>, (on, follow, path): StatAt| {
                let found = |on: &Dir| stat_at(on, follow, &path);
                Ok((look(store.data_mut(), &on, &path, found)?,))
            },
        )?;
        types.func_wrap(
            STAT,
            |mut store: StoreContextMut<'_, State>, (of,): (Resource<Descriptor>,)| {
                let state = store.data_mut();
                match known(state, &of)? {
                    Some(found) => Ok((Ok(found),)),
                    None => Ok((stat(state.table.get(&of)?),)),
                }
            },
        )
    } else {
        types.func_wrap_async(
            OPEN_AT,
            |mut store: StoreContextMut<'_, State>, (on, follow, path, open, flags): OpenAt| {
                Box::new(async move {
                    let (directory, from) = (directory(store.data(), &on)?.cloned(), path.clone());
                    let opened =
                        elsewhere(move || open_at(&directory?, follow, &from, open, flags, false));
                    let opened = opened.await?;
                    Ok((keep(store.data_mut(), &on, path, opened)?,))
                })
            },
        )?;
        types.func_wrap_async(
            STAT_AT,
            |store: StoreContextMut<'_, State>, (on, follow, path): StatAt| {
                Box::new(async move {
                    let on = directory(store.data(), &on)?.cloned();
                    let found = elsewhere(move || stat_at(&on?, follow, &path));
                    Ok((found.await?,))
                })
            },
        )?;
        types.func_wrap_async(
            STAT,
            |mut store: StoreContextMut<'_, State>, (of,): (Resource<Descriptor>,)| {
                Box::new(async move {
                    let state = store.data_mut();
                    if let Some(found) = known(state, &of)? {
                        return Ok((Ok(found),));
                    }
                    let of = state.table.get(&of)?.clone();
                    Ok((elsewhere(move || stat(&of)).await?,))
                })
            },
        )
    }
}

/// Does what may take its time on another thread.
async fn elsewhere<T: Send + 'static>(
    what: impl FnOnce() -> T + Send + 'static,
) -> wasmtime::Result<T> {
    Ok(tokio::task::spawn_blocking(what).await?)
}

/// The directory behind a handle.
fn directory<'a>(
    state: &'a State,
    handle: &Resource<Descriptor>,
) -> wasmtime::Result<Result<&'a Dir, ErrorCode>> {
    Ok(match state.table.get(handle)? {
        Descriptor::Dir(directory) => Ok(directory),
        Descriptor::File(_) => Err(ErrorCode::NotDirectory),
    })
}

/// The file that a guest opened last, for the questions that come next: what it is, and what lies beside it.
pub(crate) struct Opened {
    file: Arc<OsFile>,
    /// What was found out on the way; told once, since it may change.
    stat: Option<DescriptorStat>,
    directory: Arc<OsFile>,
    path: String,
    /// The folder that it is in, as it was a moment ago.
    folder: Option<(Snapshot, Instant)>,
}

impl Opened {
    /// The folder, if that is what the path from the directory leads to.
    fn folder(&mut self, directory: &Dir, path: &str) -> Option<Snapshot> {
        if !Arc::ptr_eq(&self.directory, &directory.dir) || split(&self.path).0 != path {
            return None;
        }
        match self.folder {
            Some((snapshot, taken)) if taken.elapsed() < MOMENT => Some(snapshot),
            _ => {
                let stat = match path {
                    "" => fstat(&*directory.dir),
                    path => statat(&*directory.dir, path, AtFlags::empty()),
                };
                let snapshot = Snapshot::new(&stat.ok()?);
                self.folder = Some((snapshot, Instant::now()));
                Some(snapshot)
            }
        }
    }
}

/// Gives the guest a handle to what was opened.
fn keep(
    state: &mut State,
    on: &Resource<Descriptor>,
    path: String,
    opened: Result<(Descriptor, DescriptorStat), ErrorCode>,
) -> wasmtime::Result<Result<Resource<Descriptor>, ErrorCode>> {
    let (descriptor, stat) = match opened {
        Ok(opened) => opened,
        Err(code) => return Ok(Err(code)),
    };
    if let (Descriptor::File(file), Descriptor::Dir(on)) = (&descriptor, state.table.get(on)?) {
        state.opened = Some(Opened {
            file: file.file.clone(),
            stat: Some(stat),
            directory: on.dir.clone(),
            path,
            folder: None,
        });
    }
    Ok(Ok(state.table.push(descriptor)?))
}

/// What is known of a file that was just opened.
fn known(
    state: &mut State,
    handle: &Resource<Descriptor>,
) -> wasmtime::Result<Option<DescriptorStat>> {
    Ok(match (state.table.get(handle)?, &mut state.opened) {
        (Descriptor::File(file), Some(opened)) if Arc::ptr_eq(&file.file, &opened.file) => {
            opened.stat.take()
        }
        _ => None,
    })
}

/// Looks for a file, unless it would lie beside the one opened last and is known not to be there.
///
/// The path to the folder was seen to stay within the directory when that file was opened, and nothing but the absence of
/// a name is told of it here.
fn look<T>(
    state: &mut State,
    on: &Resource<Descriptor>,
    path: &str,
    look: impl FnOnce(&Dir) -> Result<T, ErrorCode>,
) -> wasmtime::Result<Result<T, ErrorCode>> {
    let Descriptor::Dir(on) = state.table.get(on)? else {
        return Ok(Err(ErrorCode::NotDirectory));
    };
    let (folder, name) = split(path);
    let folder = match &mut state.opened {
        Some(opened) if !["", ".", ".."].contains(&name) => opened.folder(on, folder),
        _ => None,
    };
    let Some(folder) = folder else {
        return Ok(look(on));
    };
    if state.absent().has(&folder, name) {
        return Ok(Err(ErrorCode::NoEntry));
    }
    let found = look(on);
    // A symbolic link that leads nowhere is there all the same, and may lead somewhere soon.
    if matches!(found, Err(ErrorCode::NoEntry))
        && let Err(ErrorCode::NoEntry) = stat_at(on, PathFlags::empty(), path)
    {
        state.absent().learn(&folder, name);
    }
    Ok(found)
}

/// The folder in a path, and the name in it.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
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
const OPEN_AT: &str = "[method]descriptor.open-at";
const STAT: &str = "[method]descriptor.stat";
const STAT_AT: &str = "[method]descriptor.stat-at";

const RETRIES: usize = 8;

/// For how long the folder of a file is taken to be as it was: that of some lookups in a row.
const MOMENT: Duration = Duration::from_millis(1);
