//! The sandbox: request handlers as WebAssembly components, an instance for every request, and its limits.
//!
//! The crate opens no listening sockets, chooses no HTTP status for a failure and reads no configuration files. A request
//! comes in as a [`belljar_http::Request`], and an [`Answer`] or a [`Failure`] comes out. The guest in between is not
//! trusted.
//!
//! - [`Engine`] allocates instances. There is one for each process.
//! - [`CompileTarget`] compiles a component to an [`Artefact`], which should happen in a process of its own.
//! - [`Handler`] is a loaded component with its [`Grants`] and [`Limits`]. Its method `call` runs one request.
//! - [`Call`] is that run: a future. It moves a guest that keeps its thread busy to threads of low priority.
//!
//! Inside, imports run downwards only:
//!
//! ```text
//! handler                 load a component, call it, hold its instance
//!   admission  worlds     permits and queues; one file for each contract
//!     runtime             wasmtime, instances, fast lane and slow lane
//!       wasi              the interfaces that guests import
//!         account         what everything uses, and its limits
//! ```
//!
//! `thread` has the CPU clock and the priority of threads, for all of them.

mod account;
mod admission;
mod client_network;
mod failure;
mod handler;
mod runtime;
mod thread;
mod wasi;
mod worlds;

pub use account::limits::{Limits, Rate};
pub use failure::{Failed, Failure, MemoryLimit, Whose};
pub use handler::artefact::{Artefact, ArtefactKey, Compiled};
pub use handler::call::Call;
pub use handler::chain::{Chain, ChainLink};
pub use handler::compile::CompileTarget;
pub use handler::engine::{Engine, EngineMemory};
pub use handler::inspect::{Import, Inspection, Provision};
pub use handler::lease::{Answer, Lease};
pub use handler::load_error::LoadError;
pub use handler::missing_imports::MissingImport;
pub use handler::{Handler, HandlerBuilder};
pub use runtime::engine_config::Effort;
pub use wasi::filesystem::{Access, Preopen};
pub use wasi::grants::Grants;
pub use wasi::keyvalue::{Database, Databases, KeyValueStore, StoreInUse, StoreLimits};
#[cfg(unix)]
pub use wasi::links::LinkFreeFolder;
pub use wasi::links::Links;
pub use wasi::network::address::Network;
pub use wasi::outbound::{AllowedOrigin, Authorities, Outbound, OutboundLimits};
pub use wasi::sockets::{AllowedTcp, TcpConnections};
pub use worlds::World;
