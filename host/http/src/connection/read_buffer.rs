//! The buffer for bytes received from the client.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes received from the client that are not parsed yet.
///
/// Bytes are read into an array on the stack and then copied, so that a waiting connection holds no buffer. Ten
/// thousand idle connections therefore need little memory. Copying the few hundred bytes of a request costs nothing
/// beside the system call.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    pub(crate) bytes: BytesMut,
    pub(crate) peer: Peer,
    empty_lines: usize,
}

/// The state of the client's side of the connection.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    #[default]
    Open,
    /// The client sends no more, but may still read.
    HalfClosed,
    /// Reading failed: the client is gone.
    Gone,
}

impl ReadBuffer {
    /// Reads once, up to a total of `bound` bytes in the buffer, but at least one byte.
    ///
    /// Ready with the state of the client. If it is [`Peer::Open`], bytes have arrived.
    pub(crate) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        bound: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Peer> {
        if self.peer == Peer::Open {
            let mut scratch = [const { MaybeUninit::uninit() }; SCRATCH];
            let room = bound.saturating_sub(self.bytes.len()).clamp(1, SCRATCH);
            let mut read = ReadBuf::uninit(&mut scratch[..room]);
            match ready!(Pin::new(stream).poll_read(cx, &mut read)) {
                Ok(()) if read.filled().is_empty() => self.peer = Peer::HalfClosed,
                Ok(()) => self.bytes.extend_from_slice(read.filled()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.peer = Peer::Gone,
            }
        }
        Poll::Ready(self.peer)
    }

    /// Whether the first byte of a request has arrived. Removes a few empty lines before it, which some clients send
    /// after a body (RFC 9112, section 2.2).
    pub(crate) fn has_request(&mut self) -> bool {
        while self.bytes.starts_with(b"\r\n") && self.empty_lines < MAX_EMPTY_LINES {
            self.bytes.advance(2);
            self.empty_lines += 1;
        }
        !matches!(&self.bytes[..], b"" | b"\r")
    }

    /// Removes a parsed head of `length` bytes.
    pub(crate) fn take_head(&mut self, length: usize) {
        self.bytes.advance(length);
        self.empty_lines = 0;
    }

    /// Frees the memory of an empty buffer. A small buffer is kept, because the next request would allocate it again.
    pub(crate) fn release(&mut self) {
        // The reported capacity does not include bytes that were removed from the front.
        if self.bytes.is_empty() && self.bytes.try_reclaim(IDLE_CAPACITY + 1) {
            self.bytes = BytesMut::new();
        }
    }
}

/// Maximum number of bytes buffered of what a client sends ahead.
pub(crate) const READ_AHEAD: usize = 64 << 10;
/// Maximum size of a buffer that an idle connection keeps, in bytes.
pub(crate) const IDLE_CAPACITY: usize = 1 << 10;
const SCRATCH: usize = 16 << 10;
const MAX_EMPTY_LINES: usize = 4;
