//! Finds the route of a request from its host and path.
//!
//! Routing knows neither connections nor handlers: a [`Table`] maps requests to targets of any type.

mod escape;
mod host_pattern;
mod location;
mod mount;
mod path_pattern;
mod route_tree;
mod table;

pub use host_pattern::HostPattern;
pub use location::Location;
pub use mount::mount_of;
pub use path_pattern::{PathPattern, Segment};
pub use route_tree::{RouteMatch, RouteTree};
pub use table::Table;
