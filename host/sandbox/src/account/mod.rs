//! The account: everything that a request, an instance, a handler and the server use is counted here.
//!
//! Accounts form a tree. A charge to an account is also a charge to its parents, and fails where it would exceed the
//! limit of any of them:
//!
//! ```text
//! request  -> handler -> server      what a request consumes: CPU time, log output
//! instance -> handler -> server      what an instance holds: memory, outbound connections
//! ```
//!
//! - [`resource`] is the table of what is counted; a new limit starts with a line there.
//! - [`ledger`] has the accounts themselves.
//! - [`memory`] charges the linear memories and tables of an instance.
//! - [`limits`] are the settings that limits come from.
//!
//! Places for instances are the one thing counted elsewhere: [`admission`](crate::admission) also decides who gets the
//! next one.

pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod memory;
pub(crate) mod resource;
