//! Links the interfaces of WASI that belljar provides.

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::filesystem::WasiFilesystem;
use wasmtime_wasi::p2::bindings::cli::environment;
use wasmtime_wasi::p2::bindings::clocks::wall_clock;
use wasmtime_wasi::p2::bindings::filesystem;
use wasmtime_wasi_io::bindings::wasi::io;

use super::filesystem::preopens;
#[cfg(target_os = "linux")]
use super::filesystem::{changes, concurrent, has_own_operations, lookup, reading};
use super::grants::Grants;
use super::host_state::HostState;
use super::{keyvalue, outbound, sockets};

/// Links WASI 0.2: all of `wasi:cli/imports` and `wasi:http/proxy`, and the drafts of `wasi:config` and `wasi:keyvalue`.
pub(crate) fn link(linker: &mut Linker<HostState>, grants: &Grants) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    // Interfaces that many requests use are linked again, without the rest of the context.
    linker.allow_shadowing(true);
    io::error::add_to_linker::<HostState, HasTable>(linker, table)?;
    io::poll::add_to_linker::<HostState, HasTable>(linker, table)?;
    io::streams::add_to_linker::<HostState, HasTable>(linker, table)?;
    environment::add_to_linker::<HostState, HasState>(linker, |state| state)?;
    wall_clock::add_to_linker::<HostState, HasState>(linker, |state| state)?;
    preopens::link(linker, HostState::preopens)?;
    filesystem::types::add_to_linker::<HostState, WasiFilesystem>(linker, HostState::filesystem)?;
    #[cfg(target_os = "linux")]
    if has_own_operations() {
        lookup::link(linker, grants.filesystem.is_writable())?;
        reading::link(linker)?;
        changes::link(linker)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = grants;
    sockets::link(linker, HostState::account)?;
    outbound::error_code::link(linker, table)?;
    linker.allow_shadowing(false);
    wasmtime_wasi_config::add_to_linker(linker, HostState::config)?;
    keyvalue::link(linker, HostState::keyvalue)
}

/// Links WASI 0.3: all of `wasi:cli/imports` and `wasi:http/service`.
pub(crate) fn link_concurrent(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    linker.allow_shadowing(true);
    #[cfg(target_os = "linux")]
    if has_own_operations() {
        concurrent::link(linker)?;
    }
    sockets::link_concurrent(linker, HostState::account)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Whether [`link`] or [`link_concurrent`] provides an import.
pub(crate) fn provides(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else {
        return false;
    };
    let granted = [
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:http/outgoing-handler",
        "wasi:http/client",
        "wasi:http/types",
        "wasi:io/",
        "wasi:random/",
        "wasi:sockets/",
    ];
    match interface {
        "wasi:config/store" => version == "0.2.0-rc.1",
        "wasi:keyvalue/store" | "wasi:keyvalue/atomics" | "wasi:keyvalue/batch" => {
            version == "0.2.0-draft"
        }
        _ => {
            granted.iter().any(|package| interface.starts_with(package))
                && (version.starts_with("0.2.") || version.starts_with("0.3."))
        }
    }
}

fn table(state: &mut HostState) -> &mut ResourceTable {
    &mut state.table
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

struct HasState;

impl HasData for HasState {
    type Data<'a> = &'a mut HostState;
}
