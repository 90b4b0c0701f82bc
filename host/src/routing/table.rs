//! The routing table: finds the site for a host.

use std::borrow::Cow;
use std::collections::HashMap;

use super::host_pattern::HostPattern;
use super::route_tree::{RouteMatch, RouteTree};

/// Maps a host and a path to a target. A table is never changed in place: a new one replaces it.
#[derive(Debug)]
pub struct Table<T> {
    sites: Vec<RouteTree<T>>,
    /// Indexes into `sites` by exact host.
    exact: HashMap<String, usize>,
    /// Indexes into `sites` by the name after `*.`.
    wildcards: HashMap<String, usize>,
    /// The site for all other hosts.
    any: Option<usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            sites: Vec::new(),
            exact: HashMap::new(),
            wildcards: HashMap::new(),
            any: None,
        }
    }
}

impl<T> Table<T> {
    /// Adds a site. Without hosts, it serves all hosts that no other site names. If two sites name a host, the first
    /// wins.
    pub fn add(&mut self, hosts: &[HostPattern], routes: RouteTree<T>) {
        let site = self.sites.len();
        self.sites.push(routes);
        if hosts.is_empty() {
            self.any.get_or_insert(site);
        }
        for host in hosts {
            let (names, name) = match host.as_str().strip_prefix("*.") {
                Some(name) => (&mut self.wildcards, name),
                None => (&mut self.exact, host.as_str()),
            };
            names.entry(name.to_owned()).or_insert(site);
        }
    }

    /// Finds the route for a path on a host. `authority` is the request's host, with or without a port.
    ///
    /// None both for an unknown host and for an unknown path: the server answers both with 404. (421 would suggest
    /// a retry on another connection, RFC 9110, section 15.5.20, which would fail too.)
    pub fn find<'p>(
        &self,
        authority: Option<&str>,
        path: &'p str,
    ) -> Option<RouteMatch<'_, 'p, T>> {
        self.site(authority)?.find(path)
    }

    fn site(&self, authority: Option<&str>) -> Option<&RouteTree<T>> {
        let named = match (authority, self.exact.len() + self.wildcards.len()) {
            (None, _) | (_, 0) => None,
            (Some(authority), _) => self.by_name(&host(authority)),
        };
        self.sites.get(named.or(self.any)?)
    }

    fn by_name(&self, host: &str) -> Option<usize> {
        if let Some(&site) = self.exact.get(host) {
            return Some(site);
        }
        let mut below = host;
        while let Some((_, name)) = below.split_once('.') {
            if let Some(&site) = self.wildcards.get(name) {
                return Some(site);
            }
            below = name;
        }
        None
    }
}

/// Normalizes a host as patterns are: lower case, without port and trailing dot.
fn host(authority: &str) -> Cow<'_, str> {
    let host = match authority.rsplit_once(':') {
        // A colon inside `[::1]` does not start a port.
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_sites_by_host() {
        let mut table = Table::default();
        for (hosts, name) in [
            (&["example.com", "[::1]"][..], "exact"),
            (&["*.example.com"], "below"),
            (&["*.eu.example.com", "a.example.com"], "further below"),
            (&[], "any"),
        ] {
            let mut routes = RouteTree::default();
            routes.insert(&"/*".parse().unwrap(), name);
            let hosts: Vec<HostPattern> = hosts.iter().map(|host| host.parse().unwrap()).collect();
            table.add(&hosts, routes);
        }
        for (authority, expected) in [
            (Some("example.com"), "exact"),
            (Some("EXAMPLE.com.:8080"), "exact"),
            (Some("[::1]:80"), "exact"),
            (Some("[::1]"), "exact"),
            (Some("b.example.com"), "below"),
            (Some("c.b.example.com"), "below"),
            (Some("a.example.com:1"), "further below"),
            (Some("x.eu.example.com"), "further below"),
            (Some("eu.example.com"), "below"),
            (Some("example.org"), "any"),
            (Some("notexample.com"), "any"),
            (None, "any"),
        ] {
            let found = table.find(authority, "/").unwrap();
            assert_eq!(*found.target, expected, "{authority:?}");
        }
    }

    #[test]
    fn finds_nothing_for_an_unknown_host() {
        let mut table = Table::default();
        let mut routes = RouteTree::default();
        routes.insert(&"/*".parse().unwrap(), ());
        table.add(&["example.com".parse().unwrap()], routes);
        assert!(table.find(Some("example.com"), "/").is_some());
        assert!(table.find(Some("example.org"), "/").is_none());
        assert!(table.find(None, "/").is_none());
    }
}
