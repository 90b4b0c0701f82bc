//! Accepting connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use belljar_http::client_network;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;

use super::connection;
use super::shared::Shared;

/// Opens a listening socket.
///
/// # Errors
///
/// If the address is taken, reserved or not an address of this machine. The message names it and says what to do.
pub fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listen = || -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // On Unix, a restarted server must not wait until its old connections leave TIME_WAIT.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().with_context(|| format!("cannot listen on {address}")).map_err(|error| {
        let advice = match error.root_cause().downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::AddrInUse) => "another program uses this port; choose another port with --listen, or 0 for a free one",
            Some(io::ErrorKind::AddrNotAvailable) => "this machine does not have this address; choose another with --listen, such as 127.0.0.1 or 0.0.0.0",
            Some(io::ErrorKind::PermissionDenied) => "ports below 1024 are reserved; choose a higher port with --listen",
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

    /// Accepts connections until the task is aborted.
    pub async fn run(self) {
        loop {
            let (stream, peer) = self.accept().await;
            let Some(open) = self.shared.connections.open(client_network(peer.ip())) else {
                refuse(&stream, peer);
                continue;
            };
            let permit = self.permit().await;
            open.begin_idle();
            let shared = self.shared.clone();
            self.connections.spawn(async move {
                connection::serve(stream, peer, &open, &shared).await;
                drop((open, permit));
            });
        }
    }

    /// A permit for the connection just accepted. If none is free, the connection that has been idle for longest
    /// closes.
    async fn permit(&self) -> OwnedSemaphorePermit {
        let permits = self.shared.connection_permits.clone();
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            return permit;
        }
        self.shared.connections.request_room();
        let permit = permits.acquire_owned().await;
        self.shared.connections.finish();
        match permit {
            Ok(permit) => permit,
            // The semaphore is never closed.
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
                // The client closed the connection before it was accepted. That is not an error of the server.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                    ) => {}
                Err(error) => {
                    tracing::error!(
                        "cannot accept a connection: {error}; trying again in {pause:?}; if the server has too many open files, raise `ulimit -n`"
                    );
                    // An idle connection may hold the file descriptor that is missing.
                    self.shared.connections.request_room();
                    tokio::time::sleep(pause).await;
                    self.shared.connections.finish();
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }
}

/// Answers a client that has too many connections, none of them idle. That costs no task and no wait: the answer fits into
/// the buffer of a new connection.
fn refuse(stream: &TcpStream, peer: SocketAddr) {
    tracing::warn!(
        client = %peer,
        "connection refused with status 429: this client already has as many connections as allowed \
         (--max-connections-per-client)"
    );
    let date = belljar_http::now();
    let answer = [TOO_MANY, &date, b"\r\n\r\n"].concat();
    // If this fails, the client sees only that the connection is closed.
    let _ = socket2::SockRef::from(stream).send(&answer);
}

fn set_options(stream: &TcpStream) -> io::Result<()> {
    // Each response is written in one piece, so Nagle's algorithm would only delay it.
    stream.set_nodelay(true)?;
    // The kernel's send buffer grows to megabytes and accepts more only when a third of it is free. A slow client that
    // reads all the time would seem to make no progress for minutes.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)?;
    Ok(())
}

/// The maximum number of unsent bytes in the kernel before a socket stops being writable.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 256 << 10;

const TOO_MANY: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nServer: belljar\r\nConnection: close\r\n\
    Content-Length: 0\r\nRetry-After: 1\r\nDate: ";

/// The maximum number of connections that wait in the kernel to be accepted.
const BACKLOG: u32 = 4096;

/// The pause after a failed accept. It doubles with each failure, up to `LAST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_secs(1);
