//! The settings of a server.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::access_log::AccessLog;
use super::live_reload::LiveReload;
use super::route_target::Routes;

/// The routes of a server, its limits and its log.
pub struct ServerConfig {
    /// The current routes. They may be replaced at any time; the next request uses the new ones.
    pub routes: Arc<ArcSwap<Routes>>,
    /// The limits of each connection.
    pub http: belljar_http::Limits,
    /// The maximum number of open connections. Beyond it, a new connection replaces the one that has been idle for
    /// longest.
    pub max_connections: usize,
    /// The maximum number of open connections of one client. Beyond it, a new connection replaces the client's own that
    /// has been idle for longest, or is refused. None: a client may have all connections.
    pub max_connections_per_client: Option<usize>,
    /// How long requests in flight may continue after the server begins to stop.
    pub grace: Duration,
    /// For pages that load themselves again. None: pages are sent as handlers make them.
    pub live_reload: Option<Arc<LiveReload>>,
    /// Where requests are logged.
    pub log: AccessLog,
}
