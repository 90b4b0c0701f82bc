//! The state that all connections of a server share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::access_log::AccessLog;
use super::config::ServerConfig;
use super::live_reload::LiveReload;
use super::open_connections::OpenConnections;
use super::route_target::Routes;

/// What all connections of one server share.
pub(super) struct Shared {
    pub routes: Arc<ArcSwap<Routes>>,
    pub http: Arc<belljar_http::Limits>,
    pub live_reload: Option<Arc<LiveReload>>,
    pub log: AccessLog,
    /// One permit for each connection that may be open.
    pub connection_permits: Arc<Semaphore>,
    pub connections: Arc<OpenConnections>,
    /// Cancelled when the server is to stop.
    pub stop: CancellationToken,
}

impl Shared {
    pub fn new(config: ServerConfig) -> Self {
        Self {
            routes: config.routes,
            http: Arc::new(config.http),
            live_reload: config.live_reload,
            log: config.log,
            connection_permits: Arc::new(Semaphore::new(config.max_connections)),
            connections: OpenConnections::new(
                config.max_connections_per_client.unwrap_or(usize::MAX),
            ),
            stop: CancellationToken::new(),
        }
    }
}
