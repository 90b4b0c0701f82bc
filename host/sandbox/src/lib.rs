//! The sandbox: a component, an instance of it for every request, and the limits around it.
//!
//! It knows nothing of sockets. A request comes in as [`http::Request`](belljar_http::Request), what comes out is
//! an [`Answer`] or a [`Failure`], and everything between is a guest that is not trusted:
//!
//! - [`Engine`] compiles, allocates and counts; one a process.
//! - [`Handler`] is a loaded component with what it was granted; `call` runs one request in an instance.
//! - [`Call`] is that run: a future that moves a guest which keeps a thread busy out of the others' way.

mod account;
mod admission;
mod failure;
mod handler;
mod runtime;
mod wasi;
mod worlds;

pub use account::limits::{Limits, Rate};
pub use failure::{Failed, Failure, LoadError, Whose};
pub use handler::call::{Answer, Call};
pub use handler::compile::CompileTarget;
pub use handler::inspect::{Import, Inspection, Provision};
pub use handler::lease::Instance;
pub use handler::{Grants, Handler};
pub use runtime::engine::Engine;
pub use wasi::filesystem::{Access, Preopen};
pub use wasi::keyvalue::{Buckets, Database, Databases, StoreInUse, StoreLimits};
pub use wasi::outbound::{AllowedOrigin, Authorities, Network, Outbound};
pub use worlds::Contract;
