//! Requests of handlers to other servers: `wasi:http/outgoing-handler` (0.2) and `wasi:http/client` (0.3).
//!
//! A request is sent only to an allowed origin, and only to an address that was checked after the name lookup:
//! - [`origin`] parses the origin of a request, [`allowed_origin`] matches it.
//! - [`connections`] limits connections, [`connect`] opens them, [`trust`] holds the authorities for TLS.
//! - [`exchange`] sends the request and reads the response.
//! - [`error_code`] tells the guest why the stream of a response failed.
//!
//! The host does not follow redirects. A handler that follows one sends a new request, which is checked again.

mod allowed_origin;
mod connect;
mod connections;
pub(crate) mod error_code;
mod exchange;
mod limits;
mod origin;
mod trust;

use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Method, Request, Response};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::connect::ConnectError;
use self::connections::Connections;
use self::exchange::Bounds;
use self::origin::Origin;
use super::denial_log::DenialLog;
use super::network::address::{self, Network};
use super::network::host::Host;
use super::network::lookups::Lookups;
use crate::account::ledger::Account;

pub use self::allowed_origin::AllowedOrigin;
pub use self::limits::OutboundLimits;
pub use self::trust::Authorities;

/// The other servers that a handler may send requests to, and the limits of these requests. By default no server is
/// allowed.
#[derive(Debug, Clone, Default)]
pub struct Outbound {
    /// The allowed origins.
    pub origins: Vec<AllowedOrigin>,
    /// Networks that are not public, but that names may resolve to. `localhost` and origins with an IP address do not
    /// need this: it is enough that they are allowed.
    pub private: Vec<Network>,
    /// The certificate authorities that are trusted for https.
    pub authorities: Authorities,
    pub limits: OutboundLimits,
}

impl Outbound {
    fn allows(&self, origin: &Origin) -> bool {
        self.origins.iter().any(|allowed| allowed.allows(origin))
    }

    /// Whether a request to an allowed origin may go to this address.
    fn permits(&self, origin: &Origin, address: IpAddr) -> bool {
        address::is_public(address)
            || self.private.iter().any(|network| network.contains(address))
            || self.has_fixed_address(origin, address)
                && self.origins.iter().any(|allowed| allowed.names(origin))
    }

    /// Whether the host alone determines the address: it is an IP address, or `localhost` on a loopback address.
    fn has_fixed_address(&self, origin: &Origin, address: IpAddr) -> bool {
        match &origin.host {
            Host::Address(_) => true,
            Host::Name(name) => name == "localhost" && address.is_loopback(),
        }
    }

    /// The limits of one request. A handler can lower the timeouts, but cannot raise them.
    fn bounds(&self, options: Option<RequestOptions>) -> Bounds {
        let options = options.unwrap_or_default();
        let lower = |limit: Duration, wanted: Option<Duration>| {
            wanted.map_or(limit, |wanted| wanted.min(limit))
        };
        let connect = lower(self.limits.connect_timeout, options.connect_timeout);
        Bounds {
            connected_by: Instant::now() + connect,
            first_byte: lower(self.limits.first_byte_timeout, options.first_byte_timeout),
            between_bytes: lower(
                self.limits.between_bytes_timeout,
                options.between_bytes_timeout,
            ),
            max_head: self.limits.max_head,
            max_body: self.limits.max_body,
        }
    }
}

/// The granted outbound requests of a handler, and the TLS configuration, which is made when it is first used.
#[derive(Default)]
pub(crate) struct Egress {
    pub settings: Outbound,
    tls: OnceLock<Option<TlsConnector>>,
    lookups: Lookups,
}

impl Egress {
    pub fn new(settings: Outbound, lookups: Lookups) -> Self {
        Self {
            settings,
            lookups,
            ..Self::default()
        }
    }

    fn tls(&self) -> Option<TlsConnector> {
        let connector = || self.settings.authorities.connector();
        self.tls.get_or_init(connector).clone()
    }
}

/// The client of an instance for requests to other servers.
pub(crate) struct Client {
    egress: Arc<Egress>,
    connections: Connections,
    log: DenialLog,
}

impl Client {
    /// `account` is the account of the instance.
    pub fn new(egress: Arc<Egress>, account: &Arc<Account>, log: DenialLog) -> Self {
        Self {
            egress,
            connections: Connections::new(account.clone()),
            log,
        }
    }

    /// Checks that a request may be sent, and returns its origin.
    fn admit(&self, request: &Request<WasiBody>) -> Result<Origin, Error> {
        let origin = Origin::of(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
        if request.method() == Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        match self.egress.settings.allows(&origin) {
            true => Ok(origin),
            false => {
                self.log.denied(&format!(
                    "a request to {origin} was denied: the origin is not granted; add --allow-outbound {origin} to \
                     allow it"
                ));
                Err(Error::HttpRequestDenied)
            }
        }
    }
}

impl WasiHttpHooks for Client {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = SendResult> + Send> {
        let origin = self.admit(&request);
        let (log, egress) = (self.log.clone(), self.egress.clone());
        let connections = self.connections.clone();
        Box::new(async move {
            let origin = origin?;
            let bounds = egress.settings.bounds(options);
            let opened = connections.open(bounds.connected_by).await?;
            let permitted = |address| egress.settings.permits(&origin, address);
            let tls = || egress.tls();
            let (lookups, deadline) = (&egress.lookups, bounds.connected_by);
            let stream = match connect::connect(&origin, permitted, tls, lookups, deadline).await {
                Ok(stream) => stream,
                Err(ConnectError::Failed(error)) => return Err(error),
                Err(ConnectError::Prohibited(address)) => {
                    log.denied(&format!(
                        "a request to {origin} was denied: the host's address {address} is not public; add \
                         --allow-private {address} to allow it"
                    ));
                    return Err(Error::DestinationIpProhibited);
                }
            };
            let (response, driver) = exchange::exchange(stream, request, bounds).await?;
            let driver = async move {
                let _opened = opened;
                // The guest learns of an error from the response body.
                if let Ok(Err(error)) = driver.await {
                    tracing::debug!("the connection to {origin} failed: {error}");
                }
                Ok(())
            };
            Ok((response, Box::new(driver) as ConnectionFuture))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_FRAME
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_FRAME
    }
}

type ConnectionFuture = Box<dyn Future<Output = Result<(), Error>> + Send>;
type SendResult = Result<(Response<WasiBody>, ConnectionFuture), Error>;

/// The most bytes of a body that a guest can write at once. The host buffers two or three such chunks.
const MAX_FRAME: usize = 64 << 10;
