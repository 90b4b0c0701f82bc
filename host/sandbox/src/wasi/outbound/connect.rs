//! Connections to origins: resolves the name, checks the addresses, and connects to a checked address.
//!
//! The name is resolved only once, so that it cannot lead to another address after the check (DNS rebinding).

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;
use wasmtime_wasi_http::Error;

use super::origin::Origin;
use crate::wasi::network::host::Host;
use crate::wasi::network::lookups::Lookups;

/// A connection with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to one of the `permitted` addresses of an origin, with TLS if the scheme is https. Gives up at `deadline`.
///
/// # Errors
///
/// If no address is permitted, or if the lookup, the connection or the handshake fails.
pub(super) async fn connect(
    origin: &Origin,
    permitted: impl Fn(IpAddr) -> bool,
    tls: impl FnOnce() -> Option<TlsConnector>,
    lookups: &Lookups,
    deadline: Instant,
) -> Result<Box<dyn Stream>, ConnectError> {
    let addresses = resolve(origin, lookups, deadline).await?;
    let checked: Vec<SocketAddr> = addresses
        .iter()
        .filter(|address| permitted(address.ip()))
        .copied()
        .collect();
    if let (Some(first), []) = (addresses.first(), checked.as_slice()) {
        return Err(ConnectError::Prohibited(first.ip()));
    }
    let stream = connect_to_first(&checked, deadline).await?;
    // The head is sent in one write, so Nagle's algorithm would only add delay.
    let _ = stream.set_nodelay(true);
    if !origin.tls {
        return Ok(Box::new(stream));
    }
    let name = match &origin.host {
        Host::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid)?
        }
        Host::Address(address) => ServerName::from(*address),
    };
    let connector = tls().ok_or(Error::ConfigurationError)?;
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(tls_error(&error).into()),
        Err(_) => Err(Error::ConnectionTimeout.into()),
    }
}

/// Why a connection to an origin failed.
pub(super) enum ConnectError {
    /// No address of the host is permitted. This is the first of them.
    Prohibited(IpAddr),
    /// The lookup, the connection or the TLS handshake failed.
    Failed(Error),
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The addresses of an origin, from the resolver of the system unless the host is an address.
async fn resolve(
    origin: &Origin,
    lookups: &Lookups,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, Error> {
    let name = match &origin.host {
        Host::Address(address) => return Ok(vec![SocketAddr::new(*address, origin.port)]),
        Host::Name(name) => name.clone(),
    };
    let port = origin.port;
    let lookup = lookups.run(move || (name.as_str(), port).to_socket_addrs());
    match timeout_at(deadline, async { lookup.await? }).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(error)) => {
            tracing::debug!("the name lookup for {origin} failed: {error}");
            Err(Error::DnsError {
                rcode: Some("address not available".into()),
                info_code: None,
            })
        }
        Err(_) => Err(Error::DnsTimeout),
    }
}

/// Connects to the first address that answers. Each address gets an equal share of the remaining time.
async fn connect_to_first(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Error> {
    let mut failure = Error::DestinationNotFound;
    for (position, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let untried = u32::try_from(addresses.len() - position).unwrap_or(u32::MAX);
        let share = left.checked_div(untried).unwrap_or(Duration::ZERO);
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = connect_error(&error),
            Err(_) => failure = Error::ConnectionTimeout,
        }
    }
    Err(failure)
}

fn connect_error(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Error::DestinationIpUnroutable
        }
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        io::ErrorKind::ConnectionReset => Error::ConnectionTerminated,
        _ => Error::DestinationUnavailable,
    }
}

fn tls_error(error: &io::Error) -> Error {
    let cause = error.get_ref();
    match cause.and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        Some(rustls::Error::AlertReceived(alert)) => Error::TlsAlertReceived {
            alert_id: Some((*alert).into()),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}
