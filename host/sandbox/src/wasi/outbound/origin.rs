//! Origins (RFC 6454): the scheme, host and port of a request.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use http::uri::{Scheme, Uri};

/// The origin that a request goes to (RFC 6454, section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub tls: bool,
    pub host: OriginHost,
    pub port: u16,
}

/// The host of an origin: a name in lower case without a final dot, or an IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OriginHost {
    Name(String),
    Address(IpAddr),
}

impl Origin {
    /// The origin of a URI. None if the URI has another scheme, no valid host, no valid port, or user information.
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

pub(super) fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// Parses a port (RFC 3986, section 3.2.3). Unlike in the RFC, the port must not be empty.
pub(super) fn port_number(digits: &str) -> Option<u16> {
    let digits_only = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| digits_only && *port != 0)
}

/// Splits an authority into its host and its port.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The last colon is inside the brackets of an IPv6 address.
        Some((_, port)) if port.ends_with(']') => (authority, None),
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

/// Parses a host.
///
/// # Errors
///
/// If the text is neither a host name nor an IP address. The error is a message for the operator.
pub(super) fn parse_host(text: &str) -> Result<OriginHost, String> {
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

/// Whether the text is a host name (RFC 1123, section 2.1). Underscores are allowed, because names inside clusters have
/// them.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // Resolvers read 127.1 and 0x7f000001 as addresses, so such texts must not pass as names.
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(is_label) && !is_number(last)
}

/// Whether C libraries would parse the label as a number in an IPv4 address.
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
    fn rejects_uris_without_a_valid_origin() {
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
    fn displays_origins_without_default_ports() {
        for (url, shown) in [
            ("https://Example.com:443/path", "https://example.com"),
            ("http://example.com:8080", "http://example.com:8080"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(origin(url).expect(url).to_string(), shown);
        }
    }
}
