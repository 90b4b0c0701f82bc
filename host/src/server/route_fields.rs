//! The request fields that name the matched route, its parameters and the mount to the handler.

use super::route_target::RouteTarget;
use crate::routing::{RouteMatch, mount_of};

/// `belljar-route` and one `belljar-param-NAME` for each parameter. Empty for the route `/*`, which every path matches.
pub(super) fn route_fields(found: &RouteMatch<'_, '_, RouteTarget>) -> Vec<(String, String)> {
    let route = found.path();
    if route.is_everything() {
        return Vec::new();
    }
    let parameters = found
        .parameters()
        .map(|(name, value)| (format!("belljar-param-{name}"), value.to_owned()));
    std::iter::once(("belljar-route".to_owned(), route.to_string()))
        .chain(parameters)
        .collect()
}

/// `belljar-mount` and `x-forwarded-prefix`, which frameworks know: the prefix that was removed from the path.
pub(super) fn mount_fields(prefix: &str) -> [(String, String); 2] {
    ["belljar-mount", "x-forwarded-prefix"]
        .map(|name| (name.to_owned(), mount_of(prefix).into_owned()))
}
