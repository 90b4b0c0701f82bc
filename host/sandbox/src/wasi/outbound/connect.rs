//! From an origin to a connection: names are looked up, addresses are checked, and the ones that were checked are
//! connected to.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;
use wasmtime_wasi_http::Error;

use super::origin::{Origin, OriginHost};

/// A connection in the clear or under TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to an origin, to one of those of its addresses that are `permitted`, by `tls` if it asks for that.
pub(super) async fn connect(
    origin: &Origin,
    permitted: impl Fn(IpAddr) -> bool,
    tls: impl FnOnce() -> Option<TlsConnector>,
    deadline: Instant,
) -> Result<Box<dyn Stream>, ConnectError> {
    let addresses = resolve(origin, deadline).await?;
    let checked: Vec<SocketAddr> = addresses
        .iter()
        .filter(|address| permitted(address.ip()))
        .copied()
        .collect();
    if let (Some(first), []) = (addresses.first(), checked.as_slice()) {
        return Err(ConnectError::Prohibited(first.ip()));
    }
    let stream = connect_to_first(&checked, deadline).await?;
    // The head goes out in one write; nothing is gained by waiting for more.
    let _ = stream.set_nodelay(true);
    if !origin.tls {
        return Ok(Box::new(stream));
    }
    let name = match &origin.host {
        OriginHost::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid)?
        }
        OriginHost::Address(address) => ServerName::from(*address),
    };
    let connector = tls().ok_or(Error::ConfigurationError)?;
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(tls_error(&error).into()),
        Err(_) => Err(Error::ConnectionTimeout.into()),
    }
}

/// Why there is no connection.
pub(super) enum ConnectError {
    /// The name leads to addresses that are not permitted, such as this one.
    Prohibited(IpAddr),
    Failed(Error),
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

async fn resolve(origin: &Origin, deadline: Instant) -> Result<Vec<SocketAddr>, Error> {
    let name = match &origin.host {
        OriginHost::Address(address) => return Ok(vec![SocketAddr::new(*address, origin.port)]),
        OriginHost::Name(name) => name.clone(),
    };
    let port = origin.port;
    let lookup = async {
        let Ok(permit) = LOOKUPS.acquire().await else {
            return Err(io::ErrorKind::Other.into());
        };
        // The system's resolver blocks, and goes on when nobody waits for it any more: so does its permit.
        let lookup = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            (name.as_str(), port).to_socket_addrs()
        });
        lookup.await.map_err(io::Error::other)?
    };
    match timeout_at(deadline, lookup).await {
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

/// Connects to the first of the addresses that answers, each having its share of the time that is left.
async fn connect_to_first(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Error> {
    let mut failure = Error::DestinationNotFound;
    for (position, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let others = u32::try_from(addresses.len() - position).unwrap_or(u32::MAX);
        let share = left.checked_div(others).unwrap_or(Duration::ZERO);
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

/// Threads that wait for the system's resolver, of all handlers.
static LOOKUPS: Semaphore = Semaphore::const_new(32);
