//! Patterns for hosts, as written in a configuration.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A host such as `example.com`, or `*.example.com` for all names below it. In lower case and without a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern(String);

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let name = host.strip_prefix("*.").unwrap_or(&host);
        let address = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        if let Some(address) = address
            && address.parse::<Ipv6Addr>().is_ok()
            && name == host
        {
            return Ok(Self(host));
        }
        if name.is_empty() || name.len() > MAX_HOST {
            return Err(format!(
                "a host has 1 to {MAX_HOST} characters, such as example.com"
            ));
        }
        if name.contains('*') {
            return Err(
                "`*.` may only stand at the start of a host, for all names below it".into(),
            );
        }
        if name.contains(':') {
            return Err("a host is written without a port: its routes apply to all ports".into());
        }
        if !name.is_ascii() {
            return Err(
                "a host must be ASCII: write an international name in its encoded form, such as \
                 xn--bcher-kva.example"
                    .into(),
            );
        }
        let is_label = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        match name.split('.').all(is_label) {
            true => Ok(Self(host)),
            false => Err(
                "a host consists of labels of letters, digits and hyphens, separated by dots"
                    .into(),
            ),
        }
    }
}

impl HostPattern {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The maximum length of a DNS name in bytes (RFC 1035, section 2.3.4), without the trailing dot.
const MAX_HOST: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_hosts() {
        for (text, expected) in [
            ("example.com", "example.com"),
            ("EXAMPLE.com.", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("my_host", "my_host"),
        ] {
            assert_eq!(
                text.parse::<HostPattern>().unwrap().as_str(),
                expected,
                "{text}"
            );
        }
        for (text, why) in [
            ("", "1 to 253"),
            ("*", "`*.`"),
            ("*.", "`*.`"),
            ("a.*.b", "`*.`"),
            ("example.com:80", "without a port"),
            ("::1", "without a port"),
            ("b\u{fc}cher.example", "xn--"),
            ("a..b", "labels"),
            ("a b", "labels"),
            ("http://a", "without a port"),
        ] {
            let error = text.parse::<HostPattern>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
