//! Changes to files and folders: the operations of both versions of `wasi:filesystem/types` that may take long.
//!
//! wasmtime-wasi carries them out, on the threads for file work. Its own functions would use the blocking pool of the server,
//! where no limit holds.

use std::future::Future;
use std::pin::pin;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, ErrorCode, Filesize, HostDescriptor, NewTimestamp, PathFlags,
};
use wasmtime_wasi::runtime::poll_noop;

use super::TYPES;
use super::view::{FilesHost, FilesView};

/// A handle to a file or directory.
pub(super) type Handle = Resource<Descriptor>;

/// The files and directories that a change is about, as wasmtime-wasi wants them.
pub(super) type Context<'a> = WasiFilesystemCtxView<'a>;

/// Carries out a change of the files and directories behind `handles`.
///
/// # Errors
///
/// If one of the handles does not exist.
pub(super) fn change<T: Send + 'static, const N: usize>(
    view: &FilesView<'_>,
    handles: [&Handle; N],
    change: impl FnOnce(&mut Context<'_>, [Handle; N]) -> FsResult<T> + Send + 'static,
) -> wasmtime::Result<Changing<T>> {
    let mut changed = Vec::with_capacity(N);
    for handle in handles {
        changed.push(view.table.get(handle)?.clone());
    }
    let done = view.work.run(view.account, move || {
        let (mut table, mut ctx) = (ResourceTable::new(), WasiFilesystemCtx::default());
        let mut handles = Vec::with_capacity(N);
        for descriptor in changed {
            handles.push(table.push(descriptor)?);
        }
        let Ok(handles) = handles.try_into() else {
            return Ok(Err(ErrorCode::BadDescriptor));
        };
        let mut context = WasiFilesystemCtxView {
            ctx: &mut ctx,
            table: &mut table,
        };
        match change(&mut context, handles) {
            Ok(done) => Ok(Ok(done)),
            Err(error) => error.downcast().map(Err),
        }
    });
    Ok(Box::pin(async move { done.await? }))
}

/// A change under way.
pub(super) type Changing<T> =
    std::pin::Pin<Box<dyn Future<Output = wasmtime::Result<Result<T, ErrorCode>>> + Send>>;

/// The result of an operation of wasmtime-wasi on the thread where it may block. There it never waits.
pub(super) fn now<T>(operation: impl Future<Output = FsResult<T>>) -> FsResult<T> {
    poll_noop(pin!(operation)).unwrap_or_else(|| Err(ErrorCode::Busy.into()))
}

/// Links the functions of WASI 0.2 in place of those that the linker has.
pub(crate) fn link<T: FilesHost>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    /// Links one function: its name, its parameters after the handle, and the change.
    macro_rules! changes {
        ($types:ident: $($name:literal ($($argument:ident: $type:ty),*) $(and $other:ident)?
            |$context:ident, $on:ident $(, $with:ident)?| $change:expr;)*) => {
            $($types.func_wrap_async(
                concat!("[method]descriptor.", $name),
                |mut store: StoreContextMut<'_, T>, ($on, $($argument,)*): (Handle, $($type,)*)| {
                    Box::new(async move {
                        let view = store.data_mut().files();
                        let done = change(
                            &view,
                            [&$on $(, &$other)?],
                            move |$context, [$on $(, $with)?]| now($change),
                        )?;
                        Ok((done.await?,))
                    })
                },
            )?;)*
        };
    }
    let mut types = linker.instance(TYPES)?;
    changes! { types:
        "advise"(offset: Filesize, length: Filesize, advice: Advice)
            |context, on| context.advise(on, offset, length, advice);
        "sync-data"() |context, on| context.sync_data(on);
        "sync"() |context, on| context.sync(on);
        "set-size"(size: Filesize) |context, on| context.set_size(on, size);
        "set-times"(access: NewTimestamp, modified: NewTimestamp)
            |context, on| context.set_times(on, access, modified);
        "write"(bytes: Vec<u8>, offset: Filesize) |context, on| context.write(on, bytes, offset);
        "create-directory-at"(path: String) |context, on| context.create_directory_at(on, path);
        "set-times-at"(follow: PathFlags, path: String, access: NewTimestamp, modified: NewTimestamp)
            |context, on| context.set_times_at(on, follow, path, access, modified);
        "link-at"(follow: PathFlags, path: String, to: Handle, new: String) and to
            |context, on, to| context.link_at(on, follow, path, to, new);
        "remove-directory-at"(path: String) |context, on| context.remove_directory_at(on, path);
        "rename-at"(path: String, to: Handle, new: String) and to
            |context, on, to| context.rename_at(on, path, to, new);
        "symlink-at"(path: String, new: String) |context, on| context.symlink_at(on, path, new);
        "unlink-file-at"(path: String) |context, on| context.unlink_file_at(on, path);
    }
    Ok(())
}
