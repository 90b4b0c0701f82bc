//! Hosts and ports as operators and handlers write them.

use std::net::{IpAddr, Ipv6Addr};

/// A host: a name in lower case without a final dot, or an IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Name(String),
    Address(IpAddr),
}

/// Parses a host.
///
/// # Errors
///
/// If the text is neither a host name nor an IP address. The error is a message for the operator.
pub(crate) fn parse_host(text: &str) -> Result<Host, String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|inner| inner.parse().ok());
        let address: Ipv6Addr = address.ok_or_else(|| {
            format!("`{text}` is not an IPv6 address in brackets; write it like [::1]")
        })?;
        return Ok(Host::Address(address.into()));
    }
    if let Ok(address) = text.parse() {
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    match is_host_name(&name) {
        true => Ok(Host::Name(name)),
        false => Err(format!(
            "`{text}` is not a host; write an ASCII name, an IPv4 address, or an IPv6 address in brackets"
        )),
    }
}

/// Splits an authority into its host and its port.
pub(crate) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The last colon is inside the brackets of an IPv6 address.
        Some((_, port)) if port.ends_with(']') => (authority, None),
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

/// Parses a port (RFC 3986, section 3.2.3). Unlike in the RFC, the port must not be empty.
pub(crate) fn port_number(digits: &str) -> Option<u16> {
    let digits_only = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| digits_only && *port != 0)
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
