//! Accepting connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;

use super::{Shared, connection};

/// Opens a listening socket.
///
/// # Errors
///
/// Names the address and what to do: it is taken, not this machine's, or reserved.
pub fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listen = || -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // On Unix: a server that is started again must not wait for its old connections' TIME_WAIT.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().with_context(|| format!("cannot listen on {address}")).map_err(|error| {
        let advice = match error.root_cause().downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::AddrInUse) => "another program has this port; choose another with --listen, or 0 for a free one",
            Some(io::ErrorKind::AddrNotAvailable) => "it is no address of this machine; 127.0.0.1 and 0.0.0.0 always are",
            Some(io::ErrorKind::PermissionDenied) => "ports below 1024 are reserved; choose a higher one with --listen",
            _ => "choose another address with --listen",
        };
        anyhow::anyhow!("{error:#}: {advice}")
    })
}

/// One listening socket.
pub(super) struct Listener {
    socket: TcpListener,
    shared: Arc<Shared>,
    connections: TaskTracker,
}

impl Listener {
    pub fn new(socket: TcpListener, shared: Arc<Shared>, connections: TaskTracker) -> Self {
        Self {
            socket,
            shared,
            connections,
        }
    }

    /// Accepts until the task is aborted.
    pub async fn run(self) {
        loop {
            let (stream, peer) = self.accept().await;
            let place = self.place().await;
            let shared = self.shared.clone();
            self.connections.spawn(async move {
                connection::serve(stream, peer, &shared).await;
                drop(place);
            });
        }
    }

    /// A place for the connection just accepted. With none free, the one that has been idle for longest goes.
    async fn place(&self) -> OwnedSemaphorePermit {
        let places = self.shared.places.clone();
        if let Ok(place) = places.clone().try_acquire_owned() {
            return place;
        }
        self.shared.eviction.ask();
        let place = places.acquire_owned().await;
        self.shared.eviction.done();
        match place {
            Ok(place) => place,
            // Nobody closes the semaphore.
            Err(_) => std::future::pending().await,
        }
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    if let Err(error) = set_options(&stream) {
                        tracing::debug!(%peer, "{error}");
                    }
                    return (stream, peer);
                }
                // The client was gone before it was accepted: nothing is wrong here.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                    ) => {}
                Err(error) => {
                    tracing::error!(
                        "cannot accept a connection, trying again in {pause:?}: {error} (too many open files? see `ulimit -n`)"
                    );
                    // What is missing may be had from a connection that does nothing with it.
                    self.shared.eviction.ask();
                    tokio::time::sleep(pause).await;
                    self.shared.eviction.done();
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }
}

fn set_options(stream: &TcpStream) -> io::Result<()> {
    // Answers are written whole; waiting to join them with later ones only delays them.
    stream.set_nodelay(true)?;
    // The kernel's own buffer grows to megabytes, and takes more only when a third of it is free: a slow client
    // that reads all the time would seem to take nothing for minutes.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)?;
    Ok(())
}

/// Bytes that wait in the kernel before the client has room for them.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 256 << 10;

/// Connections that the kernel holds before they are accepted.
const BACKLOG: u32 = 4096;

/// The pause after a failed accept, doubled up to the last one.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_secs(1);
