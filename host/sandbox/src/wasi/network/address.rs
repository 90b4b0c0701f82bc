//! IP addresses: networks, and which addresses are public.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IP network, such as `10.0.0.0/8` or `fd00::/8`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether all addresses of `other` are in this network.
    pub fn covers(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.address)
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                within_v4(address, network, self.prefix.into())
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                within_v6(address, network, self.prefix.into())
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let advice = "write a network as 10.0.0.0/8, fd00::/8 or 127.0.0.1";
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("`{address}` is not an IP address; {advice}"))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or_else(|| {
                    format!("`/{digits}` is not a prefix length from 0 to {longest}; {advice}")
                })?,
        };
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Whether an address belongs to the public Internet: it is in no block that IANA reserves for special purposes
/// (RFC 6890), and it does not embed an address that is.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(embedded) => is_public_v4(embedded),
            None => {
                within_v6(address, GLOBAL_UNICAST.0, GLOBAL_UNICAST.1)
                    && !SPECIAL_V6
                        .iter()
                        .any(|(network, prefix)| within_v6(address, *network, *prefix))
            }
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4
        .iter()
        .any(|(network, prefix)| within_v4(address, Ipv4Addr::from_octets(*network), *prefix))
}

/// The IPv4 address inside an IPv6 address that a NAT64 translator uses (RFC 6052). Resolvers of networks without IPv4
/// return such addresses.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    within_v6(address, TRANSLATED.0, TRANSLATED.1).then(|| Ipv4Addr::new(a, b, c, d))
}

fn within_v4(address: Ipv4Addr, network: Ipv4Addr, prefix: u32) -> bool {
    let differing = address.to_bits() ^ network.to_bits();
    differing.leading_zeros() >= prefix
}

fn within_v6(address: Ipv6Addr, network: Ipv6Addr, prefix: u32) -> bool {
    let differing = address.to_bits() ^ network.to_bits();
    differing.leading_zeros() >= prefix
}

/// The IANA IPv4 Special-Purpose Address Registry, and the address classes D and E.
const SPECIAL_V4: [([u8; 4], u32); 16] = [
    // this network; a connection to 0.0.0.0 reaches this machine
    ([0, 0, 0, 0], 8),
    // private (RFC 1918)
    ([10, 0, 0, 0], 8),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    // shared address space behind carrier-grade NAT (RFC 6598)
    ([100, 64, 0, 0], 10),
    // loopback
    ([127, 0, 0, 0], 8),
    // link-local, where cloud providers serve instance metadata
    ([169, 254, 0, 0], 16),
    // IETF protocol assignments
    ([192, 0, 0, 0], 24),
    // documentation (RFC 5737)
    ([192, 0, 2, 0], 24),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // 6to4 relays, deprecated (RFC 7526)
    ([192, 88, 99, 0], 24),
    // benchmarking (RFC 2544)
    ([198, 18, 0, 0], 15),
    // multicast
    ([224, 0, 0, 0], 4),
    // reserved
    ([240, 0, 0, 0], 4),
    // broadcast
    ([255, 255, 255, 255], 32),
];

/// The global unicast addresses. Loopback, unspecified, mapped, link-local, unique local and multicast addresses are
/// outside this network.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The well-known prefix of NAT64 translators (RFC 6052, section 2.1).
const TRANSLATED: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// The part of the IANA IPv6 Special-Purpose Address Registry that is inside [`GLOBAL_UNICAST`].
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    // IETF protocol assignments, including Teredo
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // documentation (RFC 3849, RFC 9637)
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    // 6to4, which embeds any IPv4 address
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_public_from_special_addresses() {
        for (text, public) in [
            ("1.1.1.1", true),
            ("8.8.8.8", true),
            ("9.255.255.255", true),
            ("11.0.0.0", true),
            ("100.63.255.255", true),
            ("100.128.0.0", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("192.0.1.1", true),
            ("198.17.255.255", true),
            ("198.20.0.0", true),
            ("223.255.255.255", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("100.127.255.255", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.9", false),
            ("192.0.2.7", false),
            ("192.88.99.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("198.19.255.255", false),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("224.0.0.1", false),
            ("239.255.255.255", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700:4700::1111", true),
            ("2001:4860:4860::8888", true),
            ("2a00::1", true),
            ("64:ff9b::8.8.8.8", true),
            ("64:ff9b::127.0.0.1", false),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b:1::8.8.8.8", false),
            ("::", false),
            ("::1", false),
            ("::8.8.8.8", false),
            ("::ffff:8.8.8.8", false),
            ("::ffff:127.0.0.1", false),
            ("100::1", false),
            ("2001::1", false),
            ("2001:db8::7", false),
            ("2002:7f00:1::", false),
            ("3fff::1", false),
            ("5f00::1", false),
            ("fc00::1", false),
            ("fd12:3456::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            let address: IpAddr = text.parse().expect(text);
            assert_eq!(is_public(address), public, "{text}");
        }
    }

    #[test]
    fn networks_contain_their_addresses() {
        for (network, address, contained) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/16", "10.1.255.255", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("fd00::/8", "fdff::1", true),
            ("::1", "::1", true),
            ("::1", "::2", false),
        ] {
            let parsed: Network = network.parse().expect(network);
            let address: IpAddr = address.parse().expect(address);
            assert_eq!(parsed.contains(address), contained, "{network} {address}");
        }
    }

    #[test]
    fn networks_cover_their_parts() {
        for (network, other, covered) in [
            ("10.0.0.0/8", "10.0.0.0/8", true),
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.1.0.0/16", "10.0.0.0/8", false),
            ("10.0.0.0/8", "11.0.0.0/16", false),
            ("0.0.0.0/0", "fd00::/8", false),
            ("fd00::/8", "fd00:1::/32", true),
        ] {
            let [network_of, other_of]: [Network; 2] =
                [network, other].map(|text| text.parse().expect(text));
            assert_eq!(network_of.covers(&other_of), covered, "{network} {other}");
        }
    }

    #[test]
    fn rejects_invalid_networks() {
        for text in [
            "",
            "10",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "localhost",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
