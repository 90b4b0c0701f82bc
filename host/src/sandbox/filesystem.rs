//! The folders that a handler is granted, and how a guest opens files in them.

use std::path::PathBuf;

use anyhow::Context;
use wasmtime::component::Linker;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::{FsPerms, WasiCtx};

use super::state::State;

/// A folder of the host that a guest sees under a name.
#[derive(Debug, Clone)]
pub struct Preopen {
    pub host: PathBuf,
    /// Its name in the guest, such as `/`.
    pub guest: String,
    pub access: Access,
}

/// What a guest may do in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    ReadWrite,
}

/// The folders of a handler, opened once and shared by all its instances.
pub(super) struct FileSystem {
    context: WasiFilesystemCtx,
    on_thread: bool,
}

impl FileSystem {
    /// # Errors
    ///
    /// Names the folder that cannot be opened.
    pub fn open(preopens: &[Preopen]) -> anyhow::Result<Self> {
        // Reading blocks the thread for as long as a web server's sendfile does. Writing, and above all syncing,
        // can take as long as the disk likes, so a handler that may write leaves the thread for it.
        let on_thread = preopens
            .iter()
            .all(|preopen| preopen.access == Access::ReadOnly);
        let mut builder = WasiCtx::builder();
        builder.allow_blocking_current_thread(on_thread);
        for Preopen {
            host,
            guest,
            access,
        } in preopens
        {
            let permissions = match access {
                Access::ReadOnly => FsPerms::ReadOnly,
                Access::ReadWrite => FsPerms::ReadWrite,
            };
            let found = std::fs::metadata(host)
                .with_context(|| format!("the folder {} cannot be opened", host.display()))?;
            anyhow::ensure!(
                found.is_dir(),
                "{} is no folder; name the folder that it is in",
                host.display()
            );
            builder
                .preopened_dir(host, guest, permissions)
                .map_err(anyhow::Error::from)
                .with_context(|| format!("the folder {} cannot be opened", host.display()))?;
        }
        Ok(Self {
            context: builder.build().filesystem().clone(),
            on_thread,
        })
    }

    pub fn context(&self) -> &WasiFilesystemCtx {
        &self.context
    }

    /// Whether file operations run on the guest's own thread.
    pub fn on_thread(&self) -> bool {
        self.on_thread
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn link(_: &mut Linker<State>) -> wasmtime::Result<()> {
    Ok(())
}

/// Replaces `open-at` by one that never waits.
///
/// Opening a FIFO waits for its other end, opening some devices for their hardware, and either would take a
/// thread along. This one opens without waiting and then refuses what is neither file nor directory. It
/// also asks the kernel once for what wasmtime-wasi asks twice.
#[cfg(target_os = "linux")]
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime::StoreContextMut;
    use wasmtime::component::Resource;
    use wasmtime_wasi::filesystem::Descriptor;
    use wasmtime_wasi::p2::bindings::filesystem::types::{
        DescriptorFlags, ErrorCode, OpenFlags, PathFlags,
    };

    type Arguments = (
        Resource<Descriptor>,
        PathFlags,
        String,
        OpenFlags,
        DescriptorFlags,
    );

    linker.instance(TYPES)?.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store: StoreContextMut<'_, State>,
         (directory, follow, path, open, flags): Arguments| {
            Box::new(async move {
                let state = store.data_mut();
                let Descriptor::Dir(directory) = state.table.get(&directory)?.clone() else {
                    return Ok((Err(ErrorCode::NotDirectory),));
                };
                let on_thread = state.files_on_thread();
                let opening =
                    move || open_at::open(&directory, follow, &path, open, flags, on_thread);
                let opened = if on_thread {
                    opening()
                } else {
                    tokio::task::spawn_blocking(opening).await?
                };
                Ok((match opened {
                    Ok(descriptor) => Ok(store.data_mut().table.push(descriptor)?),
                    Err(code) => Err(code),
                },))
            })
        },
    )
}

/// The interface as wasmtime-wasi names it.
#[cfg(target_os = "linux")]
const TYPES: &str = "wasi:filesystem/types@0.2.12";

#[cfg(target_os = "linux")]
mod open_at {
    use std::fs::File as OsFile;

    use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
    use rustix::io::Errno;
    use wasmtime_wasi::filesystem::{Descriptor, Dir, File};
    use wasmtime_wasi::p2::bindings::filesystem::types::{
        DescriptorFlags, ErrorCode, OpenFlags, PathFlags,
    };
    use wasmtime_wasi::{FsPerms, OpenMode};

    /// `wasi:filesystem/types.open-at`, by openat2(2) with RESOLVE_BENEATH: the kernel itself refuses
    /// what would lead out of the directory.
    pub fn open(
        directory: &Dir,
        follow: PathFlags,
        path: &str,
        open: OpenFlags,
        flags: DescriptorFlags,
        on_thread: bool,
    ) -> Result<Descriptor, ErrorCode> {
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

        let mut os = OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        os |= match (read, write) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            _ => OFlags::RDONLY,
        };
        os.set(OFlags::DIRECTORY, open.contains(OpenFlags::DIRECTORY));
        os.set(
            OFlags::NOFOLLOW,
            !follow.contains(PathFlags::SYMLINK_FOLLOW),
        );
        os.set(OFlags::CREATE, open.contains(OpenFlags::CREATE));
        os.set(OFlags::EXCL, open.contains(OpenFlags::EXCLUSIVE));
        os.set(OFlags::TRUNC, open.contains(OpenFlags::TRUNCATE));
        let permissions = if open.contains(OpenFlags::CREATE) {
            Mode::from_raw_mode(0o666)
        } else {
            Mode::empty()
        };

        let file = OsFile::from(beneath(directory, path, os, permissions).map_err(code)?);
        match FileType::from_raw_mode(fstat(&file).map_err(code)?.st_mode) {
            FileType::Directory => Ok(Descriptor::Dir(Dir::new(
                file,
                directory.perms,
                mode,
                on_thread,
            ))),
            FileType::RegularFile => Ok(Descriptor::File(File::new(
                file,
                directory.perms,
                mode,
                on_thread,
            ))),
            _ => Err(ErrorCode::Unsupported),
        }
    }

    fn beneath(
        directory: &Dir,
        path: &str,
        flags: OFlags,
        mode: Mode,
    ) -> rustix::io::Result<rustix::fd::OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..RETRIES {
            match openat2(&*directory.dir, path, flags, mode, resolve) {
                // A rename beside a `..` makes the kernel unsure; interruptions happen.
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return result,
            }
        }
        Err(Errno::BUSY)
    }

    fn code(error: Errno) -> ErrorCode {
        match error {
            // Out of the directory.
            Errno::XDEV => ErrorCode::NotPermitted,
            // A socket, a FIFO that is to be written, a device that is not there.
            Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP => ErrorCode::Unsupported,
            // A NUL in the path never reaches the kernel.
            Errno::INVAL => ErrorCode::Invalid,
            other => ErrorCode::from(std::io::Error::from(other)),
        }
    }

    const RETRIES: usize = 8;
}
