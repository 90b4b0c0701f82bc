//! From a request's host and path to what answers it.
//!
//! It knows neither connections nor handlers: a [`Table`] leads to values of any type.

mod escape;
mod location;
mod pattern;
mod route_tree;
mod table;

pub use location::Location;
pub use pattern::{HostPattern, PathPattern, Segment};
pub use route_tree::{Found, Routes};
pub use table::Table;
