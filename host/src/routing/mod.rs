//! Finds the route of a request from its host and path.
//!
//! Routing knows neither connections nor handlers: a [`Table`] maps requests to targets of any type.

mod escape;
mod location;
mod pattern;
mod route_tree;
mod table;

pub use location::Location;
pub use pattern::{HostPattern, PathPattern, Segment};
pub use route_tree::{RouteMatch, RouteTree};
pub use table::Table;
