//! The TCP connections that are granted to a handler.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use wasmtime_wasi::sockets::SocketAddrUse;

use super::allowed::AllowedTcp;
use super::resolved::Resolved;
use crate::wasi::denial_log::DenialLog;
use crate::wasi::network::address::{self, Network};
use crate::wasi::network::lookups::Lookups;

/// The hosts that a handler may connect to over TCP. By default none.
#[derive(Debug, Clone, Default)]
pub struct TcpConnections {
    pub allowed: Vec<AllowedTcp>,
    /// Networks that are not public, but that names may resolve to. `localhost` and addresses do not need this: it is
    /// enough that they are allowed.
    pub private: Vec<Network>,
    /// Time for the lookup of a name.
    pub lookup_timeout: Duration,
}

/// The granted TCP connections of a handler, with its name lookups.
#[derive(Clone, Default)]
pub(crate) struct TcpGrant {
    pub connections: TcpConnections,
    pub lookups: Lookups,
}

impl TcpConnections {
    /// Checks what the names resolve to now. A name without an address is not an error, because its name server may have
    /// one later.
    ///
    /// # Errors
    ///
    /// If none of the addresses of a name may be connected to.
    pub(crate) fn check(&self) -> Result<(), String> {
        let names = self.allowed.iter().filter_map(AllowedTcp::name);
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        if names.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.lookup_timeout;
        let (found, lookups) = mpsc::channel();
        // The resolver of the system cannot be cancelled, so it has a thread of its own.
        let resolver = move || {
            for name in names {
                if let Ok(addresses) = addresses(&name)
                    && found.send((name, addresses)).is_err()
                {
                    return;
                }
            }
        };
        if thread::Builder::new()
            .name("resolver".into())
            .spawn(resolver)
            .is_err()
        {
            return Ok(());
        }
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok((name, addresses)) = lookups.recv_timeout(left()) {
            let permitted = |address: &IpAddr| self.permits(&name, *address);
            if let Some(first) = addresses.first()
                && !addresses.iter().any(permitted)
                && let Some(allowed) = self.allowed.iter().find(|one| one.name() == Some(&name))
            {
                return Err(format!(
                    "cannot allow TCP connections to {allowed}: {name} is {first}, which is not a public address; add \
                     --allow-private {first} (allow-private) to allow it, or name another host"
                ));
            }
        }
        Ok(())
    }

    /// Whether a name is granted, and not only addresses.
    pub(crate) fn has_names(&self) -> bool {
        self.allowed.iter().any(|one| one.name().is_some())
    }

    pub(super) fn is_granted(&self, name: &str) -> bool {
        self.allowed.iter().any(|one| one.name() == Some(name))
    }

    /// The granted ports of a name.
    pub(super) fn ports_of(&self, name: &str) -> impl Iterator<Item = u16> {
        self.allowed.iter().filter_map(|one| one.port_of(name))
    }

    /// Whether a granted name may stand for this address.
    pub(super) fn permits(&self, name: &str, address: IpAddr) -> bool {
        address::is_public(address)
            || self.private.iter().any(|network| network.contains(address))
            || name == LOCALHOST && address.is_loopback()
    }
}

/// The addresses of a name, in the order of the system's resolver. Blocks.
pub(super) fn addresses(name: &str) -> io::Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for address in (name, 0).to_socket_addrs()? {
        // The guest connects to an IPv4 address as such, and the interface knows no other form of it.
        let address = address.ip().to_canonical();
        if !addresses.contains(&address) && addresses.len() < MAX_ADDRESSES {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Whether a guest may use an address like this. What is denied is logged.
pub(crate) fn is_permitted(
    connections: &TcpConnections,
    resolved: &Resolved,
    denials: &DenialLog,
    address: SocketAddr,
    purpose: SocketAddrUse,
) -> bool {
    match purpose {
        SocketAddrUse::TcpConnect => {
            let mut allowed = connections.allowed.iter();
            let is_granted =
                allowed.any(|one| one.is_address(address)) || resolved.contains(address);
            if !is_granted {
                denials.denied(&format!(
                    "a TCP connection to {address} was denied; add --allow-tcp {address} to allow it"
                ));
            }
            is_granted
        }
        // A connecting socket is bound to any free port first.
        SocketAddrUse::TcpBind if address.ip().is_unspecified() && address.port() == 0 => true,
        SocketAddrUse::TcpBind | SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => {
            denials.denied("a TCP socket that listens was denied; handlers cannot listen");
            false
        }
        SocketAddrUse::UdpBind | SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => false,
    }
}

/// The name that stands for the loopback addresses.
const LOCALHOST: &str = "localhost";

/// The most addresses of a name.
const MAX_ADDRESSES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_public_and_allowed_addresses_only() {
        let connections = TcpConnections {
            allowed: vec!["db.example:5432".parse().unwrap()],
            private: vec!["10.0.0.0/8".parse().unwrap()],
            ..TcpConnections::default()
        };
        for (name, address, expected) in [
            ("db.example", "1.1.1.1", true),
            ("db.example", "10.1.2.3", true),
            ("db.example", "192.168.0.1", false),
            ("db.example", "127.0.0.1", false),
            ("db.example", "169.254.169.254", false),
            ("db.example", "::1", false),
            ("localhost", "127.0.0.1", true),
            ("localhost", "::1", true),
            ("localhost", "192.168.0.1", false),
        ] {
            let permitted = connections.permits(name, address.parse().unwrap());
            assert_eq!(permitted, expected, "{name} {address}");
        }
    }
}
