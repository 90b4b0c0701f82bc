//! From a request's host and path to what answers it.

mod pattern;

pub use pattern::{HostPattern, PathPattern};
