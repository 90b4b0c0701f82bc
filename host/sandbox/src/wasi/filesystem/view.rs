//! What file operations need of an instance.

use std::sync::Arc;

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, Dir, File};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::last_opened::LastOpened;
use super::negative_cache::NegativeCache;
use super::work::FileWork;
use crate::account::ledger::Account;
use crate::wasi::open_files::OpenFiles;

/// The host state of an instance that works with files.
pub(crate) trait FilesHost: Send + 'static {
    fn files(&mut self) -> FilesView<'_>;
}

/// The part of an instance's host state that file operations need.
pub(crate) struct FilesView<'a> {
    pub table: &'a mut ResourceTable,
    pub account: &'a Arc<Account>,
    pub open_files: &'a mut OpenFiles,
    pub last_opened: &'a mut Option<LastOpened>,
    pub negative_cache: &'a NegativeCache,
    pub work: &'a FileWork,
}

impl FilesView<'_> {
    /// The directory behind a handle.
    pub fn directory(
        &self,
        handle: &Resource<Descriptor>,
    ) -> wasmtime::Result<Result<&Dir, ErrorCode>> {
        Ok(match self.table.get(handle)? {
            Descriptor::Dir(directory) => Ok(directory),
            Descriptor::File(_) => Err(ErrorCode::NotDirectory),
        })
    }

    /// The file behind a handle. `otherwise` is the error for a directory.
    pub fn file(
        &self,
        handle: &Resource<Descriptor>,
        otherwise: ErrorCode,
    ) -> wasmtime::Result<Result<&File, ErrorCode>> {
        Ok(match self.table.get(handle)? {
            Descriptor::File(file) => Ok(file),
            Descriptor::Dir(_) => Err(otherwise),
        })
    }

    /// Gives the guest a handle to a file or directory that was opened, and charges it.
    pub fn keep(
        &mut self,
        opened: Descriptor,
    ) -> wasmtime::Result<Result<Resource<Descriptor>, ErrorCode>> {
        let file = match &opened {
            Descriptor::File(file) => &file.file,
            Descriptor::Dir(directory) => &directory.dir,
        };
        if self.open_files.charge(self.account, file).is_err() {
            return Ok(Err(TOO_MANY_OPEN_FILES));
        }
        Ok(Ok(self.table.push(opened)?))
    }

    /// Drops a handle.
    pub fn close(&mut self, handle: u32) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Descriptor>::new_own(handle))?;
        self.open_files.handle_dropped(self.account);
        Ok(())
    }
}

/// WASI has no error code of its own for it.
pub(super) const TOO_MANY_OPEN_FILES: ErrorCode = ErrorCode::InsufficientMemory;
