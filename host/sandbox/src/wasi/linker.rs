//! Links the interfaces of WASI that belljar provides.

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::WasiFilesystem;
use wasmtime_wasi::p2::bindings::sockets as network;
use wasmtime_wasi::p2::bindings::{LinkOptions, cli, clocks, filesystem, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi_io::bindings::wasi::io;

use super::filesystem::preopens;
#[cfg(target_os = "linux")]
use super::filesystem::{changes, concurrent, has_own_operations, lookup, reading};
use super::grants::Grants;
use super::host_state::HostState;
use super::{other_hosts, outbound, sockets};

/// Links WASI 0.2, all of `wasi:cli/imports` and `wasi:http/proxy`, and the interfaces of [`other_hosts`] that are among
/// `imports`.
pub(crate) fn link(
    linker: &mut Linker<HostState>,
    grants: &Grants,
    imports: &[String],
) -> wasmtime::Result<()> {
    link_once(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    // Some functions of these interfaces have another implementation here.
    linker.allow_shadowing(true);
    #[cfg(target_os = "linux")]
    if has_own_operations() {
        lookup::link(linker, grants.filesystem.is_writable())?;
        reading::link(linker)?;
        changes::link(linker)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = grants;
    sockets::link(linker, HostState::tcp)?;
    outbound::error_code::link(linker, table)?;
    linker.allow_shadowing(false);
    other_hosts::link(linker, imports)
}

/// Links the interfaces of `wasi:cli/imports`, one by one: those that many requests use take the part of the host state that
/// they need, and each is compiled into the program once. (`wasmtime_wasi::p2::add_to_linker_async` links them all in one way.)
fn link_once(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    io::error::add_to_linker::<HostState, HasTable>(linker, table)?;
    io::poll::add_to_linker::<HostState, HasTable>(linker, table)?;
    io::streams::add_to_linker::<HostState, HasTable>(linker, table)?;
    clocks::wall_clock::add_to_linker::<HostState, HasState>(linker, |state| state)?;
    clocks::monotonic_clock::add_to_linker::<HostState, WasiClocks>(linker, HostState::clocks)?;
    random::random::add_to_linker::<HostState, WasiRandom>(linker, HostState::random)?;
    random::insecure::add_to_linker::<HostState, WasiRandom>(linker, HostState::random)?;
    random::insecure_seed::add_to_linker::<HostState, WasiRandom>(linker, HostState::random)?;
    preopens::link(linker, HostState::preopens)?;
    filesystem::types::add_to_linker::<HostState, WasiFilesystem>(linker, HostState::filesystem)?;
    cli::environment::add_to_linker::<HostState, HasState>(linker, |state| state)?;
    cli::exit::add_to_linker::<HostState, WasiCli>(linker, HostState::cli)?;
    cli::stdin::add_to_linker::<HostState, WasiCli>(linker, HostState::cli)?;
    cli::stdout::add_to_linker::<HostState, WasiCli>(linker, HostState::cli)?;
    cli::stderr::add_to_linker::<HostState, WasiCli>(linker, HostState::cli)?;
    cli::terminal_input::add_to_linker::<HostState, WasiCli>(linker, HostState::cli)?;
    cli::terminal_output::add_to_linker::<HostState, WasiCli>(linker, HostState::cli)?;
    cli::terminal_stdin::add_to_linker::<HostState, WasiCli>(linker, HostState::cli)?;
    cli::terminal_stdout::add_to_linker::<HostState, WasiCli>(linker, HostState::cli)?;
    cli::terminal_stderr::add_to_linker::<HostState, WasiCli>(linker, HostState::cli)?;
    let of_network = (&LinkOptions::default()).into();
    network::network::add_to_linker::<HostState, WasiSockets>(
        linker,
        &of_network,
        HostState::sockets,
    )?;
    network::instance_network::add_to_linker::<HostState, WasiSockets>(linker, HostState::sockets)?;
    network::ip_name_lookup::add_to_linker::<HostState, WasiSockets>(linker, HostState::sockets)?;
    network::tcp::add_to_linker::<HostState, WasiSockets>(linker, HostState::sockets)?;
    network::tcp_create_socket::add_to_linker::<HostState, WasiSockets>(
        linker,
        HostState::sockets,
    )?;
    network::udp::add_to_linker::<HostState, WasiSockets>(linker, HostState::sockets)?;
    network::udp_create_socket::add_to_linker::<HostState, WasiSockets>(linker, HostState::sockets)
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
    sockets::link_concurrent(linker, HostState::tcp)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Whether [`link`] or [`link_concurrent`] provides an import.
pub(crate) fn provides(import: &str) -> bool {
    if other_hosts::provides(import) {
        return true;
    }
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
    // A version like 0.2.0-rc-2023-11-10 is a draft, which has other types.
    let is_release = ["0.2.", "0.3."]
        .iter()
        .any(|start| version.starts_with(start))
        && !version.contains('-');
    is_release && granted.iter().any(|package| interface.starts_with(package))
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
