//! TCP sockets of WASI 0.3.

use wasip3::sockets::ip_name_lookup::resolve_addresses;
use wasip3::sockets::types::{
    IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, TcpSocket,
};

/// Connects to one of the addresses of a name and a port, and returns what the server sends first.
pub async fn tcp(to: &str) -> String {
    let (name, port) = to.rsplit_once(':').unwrap_or((to, "0"));
    let port = port.parse().unwrap_or(0);
    let addresses = match resolve_addresses(name.to_owned()).await {
        Ok(addresses) => addresses,
        Err(code) => return format!("lookup: {code:?}"),
    };
    let mut failure = "no address".to_owned();
    for address in addresses {
        let (family, address) = match address {
            IpAddress::Ipv4(address) => (
                IpAddressFamily::Ipv4,
                IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }),
            ),
            IpAddress::Ipv6(address) => (
                IpAddressFamily::Ipv6,
                IpSocketAddress::Ipv6(Ipv6SocketAddress {
                    port,
                    flow_info: 0,
                    address,
                    scope_id: 0,
                }),
            ),
        };
        let socket = match TcpSocket::create(family) {
            Ok(socket) => socket,
            Err(code) => return format!("create: {code:?}"),
        };
        match socket.connect(address).await {
            Ok(()) => {
                let (content, _) = socket.receive();
                return String::from_utf8_lossy(&content.collect().await).into_owned();
            }
            Err(code) => failure = format!("connect: {code:?}"),
        }
    }
    failure
}

/// Listens without an address, and with one.
pub fn listen() -> String {
    let mut report = String::new();
    for bound in [None, Some((0, 0, 0, 0)), Some((127, 0, 0, 1))] {
        let outcome = TcpSocket::create(IpAddressFamily::Ipv4).and_then(|socket| {
            if let Some(address) = bound {
                socket.bind(IpSocketAddress::Ipv4(Ipv4SocketAddress {
                    port: 0,
                    address,
                }))?;
            }
            socket.listen().map(drop)
        });
        report += &format!("{outcome:?}\n");
    }
    report
}
