//! The address that identifies a client.

use std::net::{IpAddr, Ipv6Addr};

/// The address of a client, by which its connections and requests count. For IPv6 it is the /64 network: a site has at least one (RFC
/// 6177, section 2), and can use as many addresses in it as it likes.
///
/// It is the address of the connection. Once the server knows trusted proxies, the address that they report takes its
/// place.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_an_ipv4_address_or_a_network_of_ipv6() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            let [address, expected] = [address, expected].map(|text| text.parse().unwrap());
            assert_eq!(client_network(address), expected);
        }
    }
}
