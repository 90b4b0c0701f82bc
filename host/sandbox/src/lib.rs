//! The sandbox: a component, an instance of it for every request, and the limits around it.
//!
//! It knows nothing of sockets. A request comes in as [`http::Request`](belljar_http::Request), what comes out is
//! an [`Answer`] or a [`Failure`], and everything between is a guest that is not trusted:
//!
//! - [`Engine`] compiles, allocates and counts; one a process.
//! - [`Handler`] is a loaded component with what it was granted; `call` runs one request in an instance.
//! - [`Call`] is that run: a future that moves a guest which keeps a thread busy out of the others' way.

#[cfg(target_os = "linux")]
mod absent;
mod admission;
mod cache;
mod call;
mod compile;
mod contract;
mod crew;
mod engine;
mod epoch;
mod failure;
mod filesystem;
mod handler;
mod image;
mod inspect;
mod instance;
mod kept;
mod keyvalue;
mod lanes;
mod limits;
#[cfg(target_os = "linux")]
mod lookup;
mod memory;
mod outbound;
mod output;
mod rates;
mod request_body;
mod run;
mod state;
mod transcript;

pub use call::{Answer, Call};
pub use compile::CompileTarget;
pub use contract::Contract;
pub use engine::Engine;
pub use failure::{Failed, Failure, LoadError, Whose};
pub use filesystem::{Access, Preopen};
pub use handler::{Grants, Handler};
pub use inspect::{Import, Inspection, Provision};
pub use instance::Instance;
pub use keyvalue::{Buckets, Database, Databases, StoreInUse, StoreLimits};
pub use limits::{Limits, Rate};
pub use outbound::{AllowedOrigin, Authorities, Network, Outbound};
