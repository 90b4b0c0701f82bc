//! The server: listeners, their connections, and the end of both.

mod access_log;
mod connection;
mod error_page;
mod eviction;
mod listener;
mod route_target;
mod stderr;
mod write_batching;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use access_log::legible;
pub use access_log::{AccessLog, Detail};
pub use listener::bind;
pub use route_target::{Fixed, Missing, Routes, Run, Target};
pub use stderr::Stderr;
pub use write_batching::thread_sleeps;

use belljar_http as http;
use eviction::Eviction;
use listener::Listener;

/// What a server answers with, and its bounds.
pub struct Config {
    /// What answers, as it is now: others may take its place at any time.
    pub routes: Arc<ArcSwap<Routes>>,
    pub http: http::Limits,
    /// Connections open at once. Beyond it the idle one that has waited longest is closed for a new one.
    pub max_connections: usize,
    /// How long requests in flight may go on once the server is told to stop.
    pub grace: Duration,
    pub log: AccessLog,
}

/// What all connections share.
struct Shared {
    routes: Arc<ArcSwap<Routes>>,
    http: Arc<http::Limits>,
    log: AccessLog,
    /// The free places for connections.
    places: Arc<Semaphore>,
    eviction: Eviction,
    /// Cancelled when the server is to stop.
    stop: CancellationToken,
}

/// Serves until `stop` completes, then lets requests in flight finish within the grace period.
///
/// Returns the number of connections that were cut off because the grace period was over.
pub async fn run(
    listeners: Vec<tokio::net::TcpListener>,
    config: Config,
    stop: impl Future<Output = ()>,
) -> usize {
    let shared = Arc::new(Shared {
        routes: config.routes,
        http: Arc::new(config.http),
        log: config.log,
        places: Arc::new(Semaphore::new(config.max_connections)),
        eviction: Eviction::default(),
        stop: CancellationToken::new(),
    });
    let connections = TaskTracker::new();
    let mut accepting = tokio::task::JoinSet::new();
    for listener in listeners {
        accepting.spawn(Listener::new(listener, shared.clone(), connections.clone()).run());
    }

    stop.await;
    tracing::info!(
        "stopping: no new connections, {:?} for requests in flight",
        config.grace
    );
    shared.stop.cancel();
    accepting.shutdown().await;
    connections.close();
    if tokio::time::timeout(config.grace, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            "{} connections cut off: their requests took longer than --grace",
            connections.len()
        );
    }
    shared.log.flush();
    connections.len()
}
