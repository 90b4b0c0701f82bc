//! A client in memory: it sends pieces, closes its side, and keeps what the server sends.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use belljar_http::Transport;
use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The server's end of a connection.
pub struct Client {
    pieces: VecDeque<Bytes>,
    /// Whether the next piece has not arrived yet. The server then waits once before it gets the piece.
    is_late: bool,
    /// Sends nothing before it has received something, as a server does.
    is_server: bool,
    reader: Option<Waker>,
    received: Received,
}

/// The bytes that the client has received.
#[derive(Clone, Default)]
pub struct Received(Arc<Mutex<Vec<u8>>>);

impl Client {
    pub fn new(pieces: Vec<Bytes>) -> (Self, Received) {
        let received = Received::default();
        let client = Self {
            pieces: pieces.into(),
            is_late: false,
            is_server: false,
            reader: None,
            received: received.clone(),
        };
        (client, received)
    }

    /// The other side of a client: it answers with these pieces.
    pub fn server(pieces: Vec<Bytes>) -> Self {
        Self {
            is_server: true,
            ..Self::new(pieces).0
        }
    }
}

impl Received {
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_server && self.received.lock().is_empty() {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.is_late {
            self.is_late = false;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(piece) = self.pieces.front_mut() {
            let length = piece.len().min(buffer.remaining());
            buffer.put_slice(&piece[..length]);
            piece.advance(length);
            if piece.is_empty() {
                self.pieces.pop_front();
                self.is_late = true;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.received.lock().extend_from_slice(bytes);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Transport for Client {}
