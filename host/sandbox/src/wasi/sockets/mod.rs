//! `wasi:sockets`, 0.2 and 0.3: TCP connections to granted addresses, and to granted names.
//!
//! - [`allowed`] is what the operator grants, [`connections`] decides about connections and listening.
//! - [`names`] looks names up, and [`resolved`] remembers their addresses: a guest connects only to addresses that were
//!   checked after a lookup, so a name cannot lead elsewhere later (DNS rebinding).
//! - [`tcp`] charges sockets to the account.
//!
//! A guest cannot listen, and there are no UDP sockets.

mod allowed;
mod connections;
mod names;
mod resolved;
mod tcp;

use std::sync::Arc;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::sockets::WasiSocketsView;

use super::denial_log::DenialLog;
use crate::account::ledger::Account;

pub use self::allowed::AllowedTcp;
pub use self::connections::TcpConnections;
pub(crate) use self::connections::{TcpGrant, is_permitted};
pub(crate) use self::resolved::Resolved;

/// The part of the host state that the interfaces need.
pub(crate) struct SocketsView<'a> {
    pub table: &'a mut ResourceTable,
    pub account: &'a Arc<Account>,
    pub grant: &'a Arc<TcpGrant>,
    pub resolved: &'a Resolved,
    pub denials: DenialLog,
}

/// Links the functions of WASI 0.2 in place of those that the linker has.
pub(crate) fn link<T: WasiSocketsView + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> SocketsView<'_>,
) -> wasmtime::Result<()> {
    tcp::link(linker, view)?;
    names::link(linker, view)
}

/// As [`link`], for WASI 0.3.
pub(crate) fn link_concurrent<T: WasiSocketsView + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> SocketsView<'_>,
) -> wasmtime::Result<()> {
    tcp::link_concurrent(linker, view)?;
    names::link_concurrent(linker, view)
}
