//! What requests to other servers and sockets have in common: hosts, addresses and name lookups.
//!
//! - [`host`] parses hosts and ports, [`address`] tells public addresses from others, [`lookups`] bounds name lookups.

pub(crate) mod address;
pub(crate) mod host;
pub(crate) mod lookups;
