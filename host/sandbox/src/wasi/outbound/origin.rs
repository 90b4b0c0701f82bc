//! Origins (RFC 6454): the scheme, host and port of a request.

use std::fmt;
use std::net::IpAddr;

use http::uri::{Scheme, Uri};

use crate::wasi::network::host::{Host, parse_host, port_number, split_port};

/// The origin that a request goes to (RFC 6454, section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub tls: bool,
    pub host: Host,
    pub port: u16,
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
            Host::Name(name) => f.write_str(name)?,
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
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
