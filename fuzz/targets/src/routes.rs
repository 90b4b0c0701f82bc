//! Routes: the table finds the route that a slow search over all patterns finds.

use std::borrow::Cow;

use belljar::routing::{HostPattern, Location, PathPattern, RouteTree, Segment, Table};

/// The bytes are lines: patterns such as `/users/:id`, an empty line, and then requests, each with a host and a path, such
/// as `example.com /users/7?a=b`. Patterns after a line `host NAME` are those of this host.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (given, requests) = text.split_once("\n\n").unwrap_or((text, "any /"));
    let sites = sites(given);
    let mut table = Table::default();
    for site in &sites {
        let mut tree = RouteTree::default();
        for (index, pattern) in site.patterns.iter().enumerate() {
            let earlier = &site.patterns[..index];
            let is_new = !earlier.iter().any(|known| known.is_same_as(pattern));
            assert_eq!(tree.insert(pattern, index), is_new, "{pattern}");
        }
        table.add(site.host.as_slice(), tree);
    }
    for pattern in sites.iter().flat_map(|site| &site.patterns) {
        // A pattern is the same after it has been written and read.
        assert_eq!(pattern.as_str().parse().as_ref(), Ok(pattern));
    }
    for request in requests.lines().take(MOST_REQUESTS) {
        let (authority, target) = request.split_once(' ').unwrap_or(("any", request));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        find(&sites, &table, authority, path, query);
    }
}

struct Site {
    host: Option<HostPattern>,
    patterns: Vec<PathPattern>,
}

fn sites(given: &str) -> Vec<Site> {
    let mut sites = vec![Site {
        host: None,
        patterns: Vec::new(),
    }];
    for line in given.lines().take(MOST_PATTERNS) {
        if let Some(host) = line.strip_prefix("host ") {
            if let Ok(host) = host.parse() {
                sites.push(Site {
                    host: Some(host),
                    patterns: Vec::new(),
                });
            }
        } else if let (Ok(pattern), Some(site)) = (line.parse(), sites.last_mut()) {
            site.patterns.push(pattern);
        }
    }
    sites
}

fn find(sites: &[Site], table: &Table<usize>, authority: &str, path: &str, query: Option<&str>) {
    let found = table.find(Some(authority), path);
    let site = site_of(sites, authority);
    let expected = best(site, path);
    let case = || format!("{authority} {path}");
    let Some((index, values)) = expected else {
        assert!(found.is_none(), "{}", case());
        return;
    };
    let Some(found) = found else {
        panic!("{} has the route {}", case(), site.patterns[index]);
    };
    assert_eq!(*found.target, index, "{}", case());
    let seen: Vec<_> = found.parameters().map(|(_, value)| value).collect();
    assert_eq!(seen, values, "{}", case());
    if path.is_ascii() && query.is_none_or(str::is_ascii) {
        redirects_stay_on_their_host(found.path(), &values, query);
    }
}

/// Whatever the parameters are, they do not change the host of a redirect.
fn redirects_stay_on_their_host(pattern: &PathPattern, values: &[&str], query: Option<&str>) {
    let names: Vec<_> = pattern.parameters().collect();
    let inserted: String = names.iter().map(|name| format!("{{{name}}}")).collect();
    for to in ["/", "https://example.com/"] {
        let to = format!("{to}{inserted}");
        let location = Location::parse(&to, pattern).expect("the location is well-formed");
        let value = |name: &str| {
            let index = names.iter().position(|known| *known == name)?;
            values.get(index).copied()
        };
        let location = location.of(value, query);
        let is_safe = match location.strip_prefix("https://example.com") {
            Some(rest) => rest.starts_with('/'),
            None => location.starts_with('/') && !location[1..].starts_with(['/', '\\']),
        };
        assert!(is_safe, "{to} of {values:?} is {location:?}");
    }
}

/// The first site with this host, or else with a name above it, or else without a host.
fn site_of<'s>(sites: &'s [Site], authority: &str) -> &'s Site {
    let host = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => &authority[..colon],
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let named = |name: &str| {
        sites
            .iter()
            .find(|site| site.host.as_ref().is_some_and(|host| host.as_str() == name))
    };
    let labels: Vec<_> = host.split('.').collect();
    let above =
        (1..labels.len()).find_map(|from| named(&format!("*.{}", labels[from..].join("."))));
    named(&host).or(above).unwrap_or(&sites[0])
}

/// The pattern that matches and is most specific: at the first segment where two differ, literal text comes before a
/// parameter, and a parameter before the rest.
fn best<'p>(site: &Site, path: &'p str) -> Option<(usize, Vec<&'p str>)> {
    let path = path.strip_prefix('/')?;
    let matching = site
        .patterns
        .iter()
        .enumerate()
        .filter_map(|(index, pattern)| {
            let (rank, values) = matches(pattern.segments(), path)?;
            Some((rank, index, values))
        });
    let (_, index, values) =
        matching.min_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)))?;
    Some((index, values))
}

/// The kinds of the segments that match, with which patterns compare, and the values of the parameters.
fn matches<'p>(segments: &[Segment], path: &'p str) -> Option<(Vec<u8>, Vec<&'p str>)> {
    let mut rank = Vec::new();
    let mut values = Vec::new();
    let mut rest = Some(path);
    for segment in segments {
        if let Segment::Rest(_) = segment {
            rank.push(3);
            values.push(rest.unwrap_or_default());
            return Some((rank, values));
        }
        let sent = rest?;
        let (first, after) = match sent.split_once('/') {
            Some((first, after)) => (first, Some(after)),
            None => (sent, None),
        };
        match segment {
            Segment::Literal(text) if *text == unescaped(first) => rank.push(1),
            Segment::Parameter(_) if !first.is_empty() => {
                rank.push(2);
                values.push(first);
            }
            _ => return None,
        }
        rest = after;
    }
    // The end comes before the rest of nothing.
    rest.is_none().then_some((rank, values))
}

/// The segment in the form of the patterns.
fn unescaped(segment: &str) -> Cow<'_, str> {
    let mut text = String::new();
    let mut bytes = segment.char_indices();
    while let Some((at, character)) = bytes.next() {
        let digits = segment.get(at + 1..at + 3).filter(|digits| {
            character == '%' && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                let plain = char::from(byte);
                match plain.is_ascii_alphanumeric() || "-._~".contains(plain) {
                    true => text.push(plain),
                    false => text.push_str(&format!("%{byte:02X}")),
                }
                bytes.next();
                bytes.next();
            }
            None => text.push(character),
        }
    }
    Cow::Owned(text)
}

const MOST_PATTERNS: usize = 40;
const MOST_REQUESTS: usize = 20;
