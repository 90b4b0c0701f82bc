//! WASI: the host's side of the interfaces that a component imports.
//!
//! - [`grants`] is what a handler may see and use, [`host_state`] is what the host keeps for one instance.
//! - [`links`] opens paths that somebody else could change.
//! - [`network`] is what requests to other servers and sockets share.
//! - [`handle_memory`] charges what the host keeps for handles of wasi:http.
//! - [`linker`] links all interfaces. Each folder below links its own through getters, without the host state.
//! - [`other_hosts`] are interfaces that handlers made for other hosts need; [`config`] is one of them.
//! - [`filesystem`], [`stdio`], [`outbound`], [`sockets`] and [`keyvalue`] are the interfaces that belljar implements or bounds
//!   itself; wasmtime-wasi implements the rest. `open_files` charges the files that a guest opens.

mod config;
mod denial_log;
pub(crate) mod filesystem;
pub(crate) mod grants;
mod handle_memory;
pub(crate) mod host_state;
pub(crate) mod keyvalue;
pub(crate) mod linker;
pub(crate) mod links;
pub(crate) mod network;
#[cfg(target_os = "linux")]
pub(crate) mod open_files;
pub(crate) mod other_hosts;
pub(crate) mod outbound;
pub(crate) mod sockets;
pub(crate) mod stdio;
