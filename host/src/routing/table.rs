//! The sites of a server, by host.

use std::borrow::Cow;
use std::collections::HashMap;

use super::pattern::HostPattern;
use super::route_tree::{Found, Routes};

/// From a host and a path to what answers them. It is never changed: a new one takes its place.
#[derive(Debug)]
pub struct Table<T> {
    sites: Vec<Routes<T>>,
    /// Positions among the sites: by host, by the name that a wildcard stands before, and for all others.
    exact: HashMap<String, usize>,
    wildcards: HashMap<String, usize>,
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
    /// Adds a site; with no hosts it is for all that no other site has. Of two with the same host the first one has it.
    pub fn add(&mut self, hosts: &[HostPattern], routes: Routes<T>) {
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

    /// The route for a path on a host: `authority` is the host with or without a port, if the request named one.
    ///
    /// A host that no site is for leads nowhere, as a path does that no route is for: 404 both. (421 would tell a
    /// client that another connection might lead further, RFC 9110, section 15.5.20; none does.)
    pub fn find<'p>(&self, authority: Option<&str>, path: &'p str) -> Option<Found<'_, 'p, T>> {
        self.site(authority)?.find(path)
    }

    fn site(&self, authority: Option<&str>) -> Option<&Routes<T>> {
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

/// The host as patterns have it: in lower case, without port and last dot.
fn host(authority: &str) -> Cow<'_, str> {
    let host = match authority.rsplit_once(':') {
        // Not one of the colons in `[::1]`.
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
    fn sites_are_found_by_their_hosts() {
        let mut table = Table::default();
        for (hosts, name) in [
            (&["example.com", "[::1]"][..], "exact"),
            (&["*.example.com"], "below"),
            (&["*.eu.example.com", "a.example.com"], "further below"),
            (&[], "any"),
        ] {
            let mut routes = Routes::default();
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
    fn a_host_of_no_site_leads_nowhere() {
        let mut table = Table::default();
        let mut routes = Routes::default();
        routes.insert(&"/*".parse().unwrap(), ());
        table.add(&["example.com".parse().unwrap()], routes);
        assert!(table.find(Some("example.com"), "/").is_some());
        assert!(table.find(Some("example.org"), "/").is_none());
        assert!(table.find(None, "/").is_none());
    }
}
