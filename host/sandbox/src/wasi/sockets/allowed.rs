//! What `--allow-tcp` takes: a host and a port that a handler may connect to.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::wasi::network::host::{Host, parse_host, port_number, split_port};

/// A host and a port that a handler may connect to over TCP, such as `db.example:5432` or `127.0.0.1:6379`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedTcp(Target);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Address(SocketAddr),
    /// A name in lower case, without a final dot.
    Name {
        name: String,
        port: u16,
    },
}

impl AllowedTcp {
    /// Whether this is that very address. The addresses of a name are not compared.
    pub(super) fn is_address(&self, address: SocketAddr) -> bool {
        self.0 == Target::Address(address)
    }

    /// The port, if this is that name.
    pub(super) fn port_of(&self, wanted: &str) -> Option<u16> {
        match &self.0 {
            Target::Name { name, port } if name == wanted => Some(*port),
            _ => None,
        }
    }

    /// The name, if this is not an address.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.0 {
            Target::Name { name, .. } => Some(name),
            Target::Address(_) => None,
        }
    }
}

impl FromStr for AllowedTcp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>()
            && address.port() != 0
        {
            return Ok(Self(Target::Address(address)));
        }
        let advice = "write it as db.example:5432, 127.0.0.1:5432 or [::1]:5432";
        let (host, Some(port)) = split_port(text) else {
            return Err(format!("it is not a host with a port; {advice}"));
        };
        let port = port_number(port).ok_or_else(|| {
            format!("`{port}` is not a port, which is a number from 1 to 65535; {advice}")
        })?;
        match parse_host(host) {
            Ok(Host::Name(name)) => Ok(Self(Target::Name { name, port })),
            Ok(Host::Address(address)) => Ok(Self(Target::Address((address, port).into()))),
            Err(_) => Err(format!("`{host}` is not a host name or address; {advice}")),
        }
    }
}

impl fmt::Display for AllowedTcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Address(address) => write!(f, "{address}"),
            Target::Name { name, port } => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_names_and_addresses() {
        for (text, shown, is_name) in [
            ("127.0.0.1:5432", "127.0.0.1:5432", false),
            ("[::1]:5432", "[::1]:5432", false),
            ("[0:0::1]:5432", "[::1]:5432", false),
            ("db.example:5432", "db.example:5432", true),
            ("DB.Example.:5432", "db.example:5432", true),
            ("localhost:1", "localhost:1", true),
            ("my_db:65535", "my_db:65535", true),
        ] {
            let allowed: AllowedTcp = text.parse().expect(text);
            assert_eq!(allowed.to_string(), shown);
            assert_eq!(allowed.name().is_some(), is_name, "{text}");
        }
    }

    #[test]
    fn rejects_what_is_no_host_with_a_port() {
        for text in [
            "",
            "*",
            "db.example",
            "127.0.0.1",
            ":5432",
            "db.example:",
            "db.example:0",
            "127.0.0.1:0",
            "[::1]:0",
            "db.example:65536",
            "db.example:+1",
            "*:5432",
            "*.example:5432",
            "127.1:5432",
            "2130706433:5432",
            "0x7f.1:5432",
            "::1:5432",
            "bücher.example:5432",
            "postgres://db.example:5432",
            "db.example:5432/name",
            "user@db.example:5432",
        ] {
            let error = text.parse::<AllowedTcp>().expect_err(text);
            assert!(error.contains("; write it as db.example:5432"), "{error}");
        }
    }
}
