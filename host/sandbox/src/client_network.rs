//! The network address that identifies a client: for its rate, and for its part of what a handler has.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use belljar_http::client_network;

/// A client as belljar tells clients apart: by its IPv4 address, or by its /64 network of IPv6. A site has at least one such
/// network (RFC 6177, section 2), and can use as many addresses in it as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// A client that did not come from the network, or several clients at once. All of these count as one.
    pub const NONE: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// The network of a client with this address and port.
    pub fn of(client: &str) -> Self {
        match client.parse::<SocketAddr>() {
            Ok(client) => Self(client_network(client.ip())),
            Err(_) => Self::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_clients_apart_by_address_and_by_network() {
        for (one, other, same) in [
            ("192.0.2.1:1", "192.0.2.1:2", true),
            ("192.0.2.1:1", "192.0.2.2:1", false),
            ("[2001:db8::1]:1", "[2001:db8:0:0:ffff::2]:2", true),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1:1", true),
            ("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false),
            ("a test", "another test", true),
        ] {
            let networks = [one, other].map(ClientNetwork::of);
            assert_eq!(networks[0] == networks[1], same, "{one} and {other}");
        }
    }
}
