//! From a request's host and path to what answers it.
//!
//! It knows neither connections nor handlers: a [`Table`] leads to values of any type.

mod escape;
mod location;
mod pattern;
mod table;
mod tree;

pub use location::Location;
pub use pattern::{HostPattern, PathPattern, Segment};
pub use table::Table;
pub use tree::{Found, Routes};
