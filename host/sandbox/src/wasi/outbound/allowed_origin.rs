//! The pattern that `--allow-outbound` takes: the origins that a handler may send requests to.

use std::str::FromStr;

use super::origin::{Origin, default_port};
use crate::wasi::network::address;
use crate::wasi::network::host::{Host, parse_host, port_number, split_port};

/// A pattern of origins that a handler may send requests to, such as `https://api.example.com`,
/// `https://*.example.com:8443`, `http://127.0.0.1:3000` or `https://*`.
///
/// - The scheme is `http` or `https`, and it is required.
/// - `*.example.com` matches every name below `example.com`, but not `example.com` itself, as in a Content Security
///   Policy. `*` alone matches any host.
/// - Without a port, the pattern matches the default port of the scheme. `:*` matches any port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin {
    tls: bool,
    host: HostPattern,
    /// None matches any port.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// The names that end with this text, which begins with a dot.
    Subdomains(String),
    Exact(Host),
}

impl AllowedOrigin {
    /// Whether the origin matches this pattern.
    pub(super) fn allows(&self, origin: &Origin) -> bool {
        self.tls == origin.tls
            && self.port.is_none_or(|port| port == origin.port)
            && match (&self.host, &origin.host) {
                (HostPattern::Any, _) => true,
                (HostPattern::Subdomains(end), Host::Name(name)) => name.ends_with(end.as_str()),
                (HostPattern::Subdomains(_), Host::Address(_)) => false,
                (HostPattern::Exact(allowed), host) => allowed == host,
            }
    }

    /// Whether a handler with `other` may reach nothing that a handler with this pattern may not.
    ///
    /// A pattern that names `localhost` or a private address also permits that address. So no wildcard covers it.
    pub fn covers(&self, other: &Self) -> bool {
        self.tls == other.tls
            && (self.port.is_none() || self.port == other.port)
            && match (&self.host, &other.host) {
                (HostPattern::Any, HostPattern::Exact(Host::Name(name))) => name != LOCALHOST,
                (HostPattern::Any, HostPattern::Exact(Host::Address(address))) => {
                    address::is_public(*address)
                }
                (HostPattern::Any, _) => true,
                (
                    HostPattern::Subdomains(end),
                    HostPattern::Subdomains(name) | HostPattern::Exact(Host::Name(name)),
                ) => name.ends_with(end.as_str()),
                (HostPattern::Subdomains(_), _) => false,
                (HostPattern::Exact(host), HostPattern::Exact(other)) => host == other,
                (HostPattern::Exact(_), _) => false,
            }
    }

    /// Whether the origin matches this pattern and the pattern names its exact host, without a wildcard.
    pub(super) fn names(&self, origin: &Origin) -> bool {
        self.allows(origin) && matches!(self.host, HostPattern::Exact(_))
    }
}

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("the origin has no scheme; write it as https://api.example.com".into());
        };
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => {
                return Err(format!(
                    "the scheme `{scheme}` is neither http nor https; write the origin as https://api.example.com"
                ));
            }
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(c) = authority.chars().find(|c| "/?#@".contains(*c)) {
            return Err(format!(
                "an origin has only a scheme, a host and a port, so `{c}` is not allowed; write it as \
                 https://api.example.com"
            ));
        }
        let (host, port) = split_port(authority);
        let port = match port {
            None => Some(default_port(tls)),
            Some("*") => None,
            Some(digits) => Some(port_number(digits).ok_or_else(|| {
                format!(
                    "`{digits}` is not a port; write a number from 1 to 65535, or * for any port"
                )
            })?),
        };
        let host = match host {
            "*" => HostPattern::Any,
            _ => match host.strip_prefix("*.") {
                Some(end) => match parse_host(end)? {
                    Host::Name(name) => HostPattern::Subdomains(format!(".{name}")),
                    Host::Address(_) => {
                        return Err(
                            "`*.` cannot precede an IP address; write the address alone".into()
                        );
                    }
                },
                None => HostPattern::Exact(parse_host(host)?),
            },
        };
        Ok(Self { tls, host, port })
    }
}

/// The name that stands for the loopback addresses.
const LOCALHOST: &str = "localhost";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_allow_matching_origins() {
        for (allowed, url, expected) in [
            (
                "https://api.example.com",
                "https://api.example.com/v1?q",
                true,
            ),
            ("https://api.example.com", "https://API.Example.COM./", true),
            (
                "https://API.example.com/",
                "https://api.example.com:443",
                true,
            ),
            ("https://api.example.com", "http://api.example.com", false),
            (
                "https://api.example.com",
                "https://api.example.com:8443",
                false,
            ),
            ("https://api.example.com", "https://example.com", false),
            (
                "https://api.example.com",
                "https://x.api.example.com",
                false,
            ),
            (
                "https://api.example.com",
                "https://api.example.com.evil.net",
                false,
            ),
            (
                "https://api.example.com:8443",
                "https://api.example.com:8443",
                true,
            ),
            (
                "https://api.example.com:8443",
                "https://api.example.com",
                false,
            ),
            (
                "https://api.example.com:*",
                "https://api.example.com:9",
                true,
            ),
            ("http://example.com", "http://example.com:80", true),
            ("http://example.com:443", "https://example.com", false),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://badexample.com", false),
            (
                "https://*.example.com",
                "https://example.com.evil.net",
                false,
            ),
            ("https://*", "https://anything.example", true),
            ("https://*", "https://192.0.2.7", true),
            ("https://*", "https://anything.example:8443", false),
            ("https://*:*", "https://anything.example:8443", true),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000", true),
            ("http://127.0.0.1:3000", "http://127.0.0.2:3000", false),
            ("http://127.0.0.1:3000", "http://localhost:3000", false),
            ("http://[::1]:3000", "http://[0:0:0:0:0:0:0:1]:3000", true),
            ("http://[::1]", "http://[::ffff:127.0.0.1]", false),
            ("http://localhost", "http://localhost", true),
        ] {
            let pattern: AllowedOrigin = allowed.parse().expect(allowed);
            let origin = Origin::of(&url.parse().expect(url)).expect(url);
            assert_eq!(pattern.allows(&origin), expected, "{allowed} and {url}");
        }
    }

    #[test]
    fn a_pattern_covers_only_what_it_allows_itself() {
        for (pattern, other, expected) in [
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "https://A.example:443/", true),
            ("https://a.example", "http://a.example", false),
            ("https://a.example", "https://a.example:*", false),
            ("https://a.example:*", "https://a.example:8443", true),
            ("https://a.example", "https://*.a.example", false),
            ("https://*.a.example", "https://b.a.example", true),
            ("https://*.a.example", "https://*.b.a.example", true),
            ("https://*.a.example", "https://*.a.example", true),
            ("https://*.b.a.example", "https://*.a.example", false),
            ("https://*.a.example", "https://a.example", false),
            ("https://*.a.example", "https://bada.example", false),
            ("https://*.a.example", "https://*", false),
            ("https://*", "https://*", true),
            ("https://*", "https://*:*", false),
            ("https://*", "https://*.a.example", true),
            ("https://*", "https://a.example", true),
            ("https://*", "https://1.1.1.1", true),
            ("https://*", "https://127.0.0.1", false),
            ("https://*", "https://[::1]", false),
            ("https://*", "https://169.254.169.254", false),
            ("https://*", "https://localhost", false),
            ("https://localhost", "https://localhost", true),
            ("https://10.0.0.1", "https://10.0.0.1", true),
            ("https://10.0.0.1", "https://10.0.0.2", false),
        ] {
            let [covering, covered]: [AllowedOrigin; 2] =
                [pattern, other].map(|text| text.parse().expect(text));
            assert_eq!(covering.covers(&covered), expected, "{pattern} and {other}");
        }
    }

    #[test]
    fn rejects_invalid_patterns() {
        for text in [
            "",
            "api.example.com",
            "ftp://example.com",
            "https://",
            "https://:443",
            "https://*.*.example.com",
            "https://api.*.com",
            "https://*example.com",
            "https://*.192.0.2.7",
            "https://example.com/path",
            "https://example.com?query",
            "https://user@example.com",
            "https://example.com:0",
            "https://example.com:65536",
            "https://example.com:+1",
            "https://example.com:",
            "https://bücher.example",
            "https://::1",
            "https://[::1",
            "https://127.1",
            "https://0x7f000001",
            "https://a..b",
        ] {
            assert!(text.parse::<AllowedOrigin>().is_err(), "{text}");
        }
    }
}
