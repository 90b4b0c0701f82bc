//! The request fields that name the matched route and its parameters to the handler.

use super::route_target::RouteTarget;
use crate::routing::RouteMatch;

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
