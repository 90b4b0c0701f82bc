//! Accounts: what a request, an instance, a handler and the server use, and their limits.
//!
//! Accounts form a tree. A charge to an account is also a charge to its parents, and fails where it would exceed the
//! limit of any of them:
//!
//! ```text
//! request  -> handler -> server      CPU time
//! instance -> handler -> server      memory, open files, outbound connections, log lines about denied requests
//! response -> handler -> server      memory: bytes that wait for their client
//! ```
//!
//! - [`resource`] is the table of what is counted; a new limit starts with a line there.
//! - [`ledger`] has the accounts themselves.
//! - [`server`] divides the memory of the server between its handlers; [`share`] counts the part of each.
//! - [`memory`] charges the linear memories and tables of an instance; [`held_bytes`] charges bytes that the host holds.
//! - [`limits`] are the settings that limits come from.
//!
//! Some amounts are counted elsewhere. [`admission`](crate::admission) counts instances and queued requests, because it
//! also decides which request gets the next instance. wasmtime counts the handles of an instance in its tables. Operations
//! on files and name lookups wait in queues that also bound their threads.
//! The guest log counts the output of a request.

pub(crate) mod held_bytes;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod memory;
pub(crate) mod resource;
pub(crate) mod server;
mod share;
