//! The server and the request target that the command line names.

use anyhow::{Context, bail, ensure};
use http::uri::PathAndQuery;

/// A server, and the request target to send to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Destination {
    /// A name or an IP address, without brackets.
    pub host: String,
    pub port: u16,
    pub target: PathAndQuery,
}

impl Destination {
    /// Reads `URL` or `HOST PORT PATH`.
    ///
    /// # Errors
    ///
    /// Fails on a URL of another scheme, and on a host, port or path that cannot stand in a request.
    pub fn parse(words: &[String]) -> anyhow::Result<Self> {
        match words {
            [url] => Self::from_url(url),
            [host, port, path] => Self::new(host, port, path),
            _ => bail!("give a URL or HOST PORT PATH, as in `belljar get 127.0.0.1 8080 /`"),
        }
    }

    fn from_url(url: &str) -> anyhow::Result<Self> {
        let Some(rest) = url.strip_prefix("http://") else {
            bail!("cannot request {url}: only URLs that begin with http:// are supported");
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = match rest.find(['/', '?']) {
            Some(end) => rest.split_at(end),
            None => (rest, "/"),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (authority, "80"),
        };
        Self::new(host, port, target)
    }

    fn new(host: &str, port: &str, target: &str) -> anyhow::Result<Self> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_valid = !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"/?#@".contains(&byte));
        ensure!(
            is_valid,
            "invalid host {host:?}; give a host name or an IP address"
        );
        let port = port
            .parse()
            .with_context(|| format!("invalid port {port:?}; give a number from 0 to 65535"))?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target = format!("{slash}{target}");
        // The parser of PathAndQuery also takes bytes above ASCII, and cuts off a fragment.
        let is_valid = target
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let parsed = target.parse().ok().filter(|_| is_valid);
        let target = parsed.with_context(|| {
            format!(
                "the path {target:?} has characters that must be percent-encoded; write %20 for a space, for example"
            )
        })?;
        Ok(Self {
            host: host.into(),
            port,
            target,
        })
    }

    /// Host and port as they stand in a Host field, with brackets around an IPv6 address.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> anyhow::Result<Destination> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        Destination::parse(&words)
    }

    #[test]
    fn accepts_urls_and_host_port_path() {
        for (words, host, port, target) in [
            (&["http://localhost"][..], "localhost", 80, "/"),
            (&["http://localhost:8080/a?b#c"], "localhost", 8080, "/a?b"),
            (&["http://localhost?b"], "localhost", 80, "/?b"),
            (&["http://[::1]:8080/"], "::1", 8080, "/"),
            (&["http://[::1]/"], "::1", 80, "/"),
            (&["127.0.0.1", "8080", "a"], "127.0.0.1", 8080, "/a"),
            (&["127.0.0.1", "8080", "//a"], "127.0.0.1", 8080, "//a"),
            (&["::1", "8080", "/"], "::1", 8080, "/"),
        ] {
            let destination = parse(words).unwrap();
            let parts = (
                destination.host.as_str(),
                destination.port,
                destination.target.as_str(),
            );
            assert_eq!(parts, (host, port, target), "{words:?}");
        }
    }

    #[test]
    fn rejects_other_schemes_and_invalid_parts() {
        for words in [
            &["https://localhost/"][..],
            &["localhost"],
            &["http://"],
            &["http://localhost:99999/"],
            &["http://a b/"],
            &["localhost", "http", "/"],
            &["localhost", "80"],
            &["localhost", "80", "/a b"],
            &["localhost", "80", "/ä"],
            &["localhost", "80", "/a#b"],
            &["localhost", "80", "/a\r\nX: y"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }
}
