//! Handles, listings and streams of files in `wasi:filesystem/types` (0.2), in place of those of wasmtime-wasi.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, Filesize};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::TYPES;
use super::changes::Handle;
use super::listing::Listing;
use super::streams::{FileInput, FileOutput, Position};
use super::view::{FilesHost, FilesView};

/// Links the functions and resources in place of those that the linker has.
pub(crate) fn link<T: FilesHost>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.resource(
        "descriptor",
        ResourceType::host::<Descriptor>(),
        |mut store: StoreContextMut<'_, T>, handle| store.data_mut().files().close(handle),
    )?;
    types.resource(
        "directory-entry-stream",
        ResourceType::host::<Listing>(),
        |mut store: StoreContextMut<'_, T>, handle| {
            let view = store.data_mut().files();
            view.table.delete(Resource::<Listing>::new_own(handle))?;
            Ok(())
        },
    )?;
    types.func_wrap(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, T>, (of,): (Handle,)| {
            let view = store.data_mut().files();
            let listing = match view.directory(&of)? {
                Ok(directory) => Listing::of(directory, &view),
                Err(code) => Err(code),
            };
            Ok((match listing {
                Ok(listing) => Ok(view.table.push(listing)?),
                Err(code) => Err(code),
            },))
        },
    )?;
    types.func_wrap(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store: StoreContextMut<'_, T>, (listing,): (Resource<Listing>,)| {
            Ok((store.data_mut().files().table.get_mut(&listing)?.next(),))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut store: StoreContextMut<'_, T>, (of, offset): (Handle, Filesize)| {
            let view = store.data_mut().files();
            Ok((match view.file(&of, ErrorCode::IsDirectory)? {
                Ok(file) => {
                    let stream = FileInput::new(file.file.clone(), offset);
                    Ok(view.table.push(Box::new(stream) as DynInputStream)?)
                }
                Err(code) => Err(code),
            },))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store: StoreContextMut<'_, T>, (to, offset): (Handle, Filesize)| {
            Ok((write(store.data_mut().files(), &to, Position::At(offset))?,))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut store: StoreContextMut<'_, T>, (to,): (Handle,)| {
            Ok((write(store.data_mut().files(), &to, Position::End)?,))
        },
    )
}

fn write(
    view: FilesView<'_>,
    to: &Handle,
    position: Position,
) -> wasmtime::Result<Result<Resource<DynOutputStream>, ErrorCode>> {
    let file = match view.file(to, ErrorCode::BadDescriptor)? {
        Ok(file) if file.perms == FsPerms::ReadOnly => return Ok(Err(ErrorCode::NotPermitted)),
        Ok(file) => file.file.clone(),
        Err(code) => return Ok(Err(code)),
    };
    let stream = FileOutput::new(file, position, view.work.clone(), view.account.clone());
    Ok(Ok(view.table.push(Box::new(stream) as DynOutputStream)?))
}
