//! Origins: what a request goes to, and what `--allow-outbound` says of it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use http::uri::{Scheme, Uri};

/// Origins that a handler may send requests to: `https://api.example.com`, `https://*.example.com:8443`,
/// `http://127.0.0.1:3000`, `https://*`.
///
/// - The scheme is `http` or `https` and has to be named.
/// - `*.` stands for one label or more, as in a Content Security Policy: not for the name behind it. `*` alone is any
///   host.
/// - Without a port it is the scheme's; `:*` is any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin {
    tls: bool,
    host: HostPattern,
    /// None: any.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// With the dot at its beginning.
    Subdomains(String),
    Exact(OriginHost),
}

/// Where a request goes (RFC 6454, section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub tls: bool,
    pub host: OriginHost,
    pub port: u16,
}

/// A name in lower case without a dot at its end, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OriginHost {
    Name(String),
    Address(IpAddr),
}

impl AllowedOrigin {
    pub(super) fn allows(&self, origin: &Origin) -> bool {
        self.tls == origin.tls
            && self.port.is_none_or(|port| port == origin.port)
            && match (&self.host, &origin.host) {
                (HostPattern::Any, _) => true,
                (HostPattern::Subdomains(end), OriginHost::Name(name)) => {
                    name.ends_with(end.as_str())
                }
                (HostPattern::Subdomains(_), OriginHost::Address(_)) => false,
                (HostPattern::Exact(allowed), host) => allowed == host,
            }
    }

    /// Whether this origin's very host is named, not a pattern that it happens to match.
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
                    OriginHost::Name(name) => HostPattern::Subdomains(format!(".{name}")),
                    OriginHost::Address(_) => {
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

impl Origin {
    /// None where the address names no host that could be looked up, or a user.
    pub fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let authority = uri.authority()?.as_str();
        if authority.contains('@') {
            return None;
        }
        let (host, port) = split_port(authority);
        let port = match port {
            None => default_port(tls),
            Some(digits) => port_number(digits)?,
        };
        let host = parse_host(host).ok()?;
        Some(Self { tls, host, port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "https://" } else { "http://" })?;
        match &self.host {
            OriginHost::Name(name) => f.write_str(name)?,
            OriginHost::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            OriginHost::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        match self.port == default_port(self.tls) {
            true => Ok(()),
            false => write!(f, ":{}", self.port),
        }
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// RFC 3986, section 3.2.3, without what may be empty there.
fn port_number(digits: &str) -> Option<u16> {
    let digits_only = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| digits_only && *port != 0)
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // Within the brackets of an IPv6 address.
        Some((_, port)) if port.ends_with(']') => (authority, None),
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

fn parse_host(text: &str) -> Result<OriginHost, String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|inner| inner.parse().ok());
        let address: Ipv6Addr = address.ok_or_else(|| {
            format!("`{text}` is not an IPv6 address in brackets; write it like [::1]")
        })?;
        return Ok(OriginHost::Address(address.into()));
    }
    if let Ok(address) = text.parse() {
        return Ok(OriginHost::Address(IpAddr::V4(address)));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    match is_host_name(&name) {
        true => Ok(OriginHost::Name(name)),
        false => Err(format!(
            "`{text}` is not a host; write an ASCII name, an IPv4 address, or an IPv6 address in brackets"
        )),
    }
}

/// A host name (RFC 1123, section 2.1), with the underscore that names within clusters have.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // Resolvers take 127.1 and 0x7f000001 for addresses. As names they are none.
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(is_label) && !is_number(last)
}

/// As the parsers of addresses in C libraries have it.
fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Option<Origin> {
        Origin::of(&url.parse().ok()?)
    }

    #[test]
    fn what_is_allowed() {
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
            let rule: AllowedOrigin = allowed.parse().expect(allowed);
            let origin = origin(url).expect(url);
            assert_eq!(rule.allows(&origin), expected, "{allowed} and {url}");
        }
    }

    #[test]
    fn what_is_no_rule() {
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

    #[test]
    fn what_is_no_origin() {
        for url in [
            "/path",
            "ftp://example.com/",
            "http://user@example.com/",
            "http://user:word@example.com/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0x7f000001/",
            "http://example.com:0/",
            "http://exa%6dple.com/",
            "http://a..b/",
        ] {
            assert_eq!(origin(url), None, "{url}");
        }
    }

    #[test]
    fn how_it_is_shown() {
        for (url, shown) in [
            ("https://Example.com:443/path", "https://example.com"),
            ("http://example.com:8080", "http://example.com:8080"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(origin(url).expect(url).to_string(), shown);
        }
    }
}
