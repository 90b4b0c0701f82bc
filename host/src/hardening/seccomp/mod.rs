//! Seccomp: the system calls that a process may make.
//!
//! - [`server`] denies what a server never does; [`compiler`] allows what a compiler needs, and nothing else.
//! - [`filter`] makes and installs the filters.

mod compiler;
mod filter;
mod server;

pub(super) use self::compiler::restrict_compiler;
pub(super) use self::server::restrict_server;
