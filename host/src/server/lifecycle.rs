//! The life of a server: it accepts connections until it must stop, then lets requests in flight finish.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use super::config::ServerConfig;
use super::listener::Listener;
use super::shared::Shared;

/// Serves until `stop` completes, then waits for requests in flight until the grace period ends.
///
/// Returns the number of connections that were still open when the grace period ended. They are cut off.
pub async fn run(
    listeners: Vec<TcpListener>,
    config: ServerConfig,
    stop: impl Future<Output = ()>,
) -> usize {
    let grace = config.grace;
    let shared = Arc::new(Shared::new(config));
    let connections = TaskTracker::new();
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(Listener::new(listener, shared.clone(), connections.clone()).run());
    }

    stop.await;
    tracing::info!(
        "stopping: new connections are refused, requests in flight have {grace:?} to finish"
    );
    shared.stop.cancel();
    accepting.shutdown().await;
    connections.close();
    if tokio::time::timeout(grace, connections.wait())
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
