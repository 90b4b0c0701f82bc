use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

/// What came from the client and was not yet used.
///
/// Bytes are read into the stack and copied, so that a connection which waits holds no buffer: ten thousand idle
/// ones cost little, and the copy of a request's few hundred bytes costs nothing beside the system call.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    pub(crate) bytes: BytesMut,
    pub(crate) peer: Peer,
    empty_lines: usize,
}

/// What is known of the client's side of the connection.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    #[default]
    Open,
    /// It sends no more; it may still be reading.
    HalfClosed,
    /// Reading failed: it is gone.
    Gone,
}

impl ReadBuffer {
    /// Reads once, so that no more than `bound` bytes (of which at least one is free) are held.
    /// Ready with the state of the other side: bytes came while it is [`Peer::Open`].
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

    /// Takes off the empty lines that some clients send after a body (RFC 9112, section 2.2), a few at most.
    /// Whether the first byte of a request is there.
    pub(crate) fn has_request(&mut self) -> bool {
        while self.bytes.starts_with(b"\r\n") && self.empty_lines < MAX_EMPTY_LINES {
            self.bytes.advance(2);
            self.empty_lines += 1;
        }
        !matches!(&self.bytes[..], b"" | b"\r")
    }

    /// Takes off a head of `length` bytes.
    pub(crate) fn take_head(&mut self, length: usize) {
        self.bytes.advance(length);
        self.empty_lines = 0;
    }

    /// Gives memory back while there is nothing to hold. A little is kept: it would be asked for again.
    pub(crate) fn release(&mut self) {
        // The capacity that the buffer tells does not count what was taken off its front.
        if self.bytes.is_empty() && self.bytes.try_reclaim(KEPT + 1) {
            self.bytes = BytesMut::new();
        }
    }
}

/// The most bytes held of what a client sends ahead.
pub(crate) const READ_AHEAD: usize = 64 << 10;
/// The most bytes that an idle connection keeps in a buffer.
pub(crate) const KEPT: usize = 1 << 10;
const SCRATCH: usize = 16 << 10;
const MAX_EMPTY_LINES: usize = 4;
