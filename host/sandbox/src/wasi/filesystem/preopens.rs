//! `wasi:filesystem/preopens` (0.2): hands the granted folders to the guest.
//!
//! This replaces the interface of wasmtime-wasi, which copies the list of folders twice for each instance.

use std::sync::Arc;

use anyhow::Context;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host;

/// The open folders of a handler, and their names in the guest.
pub(crate) struct Preopens(Vec<(Dir, Arc<str>)>);

/// The part of an instance's host state that the interface needs.
pub(crate) struct PreopensView<'a> {
    pub table: &'a mut ResourceTable,
    pub preopens: &'a Preopens,
}

impl Preopens {
    /// The folders of a context.
    ///
    /// # Errors
    ///
    /// If there are more than a table of handles can hold.
    pub(super) fn of(context: &WasiFilesystemCtx) -> anyhow::Result<Self> {
        let (mut table, mut ctx) = (ResourceTable::new(), context.clone());
        let mut view = WasiFilesystemCtxView {
            ctx: &mut ctx,
            table: &mut table,
        };
        let handles = view.get_directories().map_err(anyhow::Error::from);
        let mut preopens = Vec::new();
        for (handle, name) in handles.context("too many folders are granted")? {
            if let Ok(Descriptor::Dir(folder)) = table.delete(handle) {
                preopens.push((folder, name.into()));
            }
        }
        Ok(Self(preopens))
    }
}

impl PreopensView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, Arc<str>)>> {
        let mut handles = Vec::with_capacity(self.preopens.0.len());
        for (folder, name) in &self.preopens.0 {
            let handle = self.table.push(Descriptor::Dir(folder.clone()))?;
            handles.push((handle, name.clone()));
        }
        Ok(handles)
    }
}

/// Links the interface.
pub(crate) fn link<T: 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> PreopensView<'_>,
) -> wasmtime::Result<()> {
    // The interface as wasmtime-wasi names it.
    let mut preopens = linker.instance("wasi:filesystem/preopens@0.2.12")?;
    preopens.func_wrap(
        "get-directories",
        move |mut store: StoreContextMut<'_, T>, ()| {
            Ok((view(store.data_mut()).get_directories()?,))
        },
    )
}
