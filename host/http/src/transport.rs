//! What a connection runs over: TCP, or a pipe in memory for tests.

#[cfg(target_os = "linux")]
mod unacknowledged;

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
#[cfg(target_os = "linux")]
use std::task::ready;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;

/// A stream of bytes in each direction that can also send a part of a file.
///
/// A TCP stream should have Nagle's algorithm off (`set_nodelay`), because a connection writes whole messages at once.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    /// Sends at most `length` bytes of `file`, starting at `offset`, as many as one system call accepts. `length` is at
    /// least 1. Returns the number of bytes sent; 0 means that the file has ended.
    fn send_file(
        &mut self,
        file: &File,
        offset: u64,
        length: u64,
    ) -> impl Future<Output = io::Result<u64>> + Send {
        copy_file(self, file, offset, length)
    }

    /// Like `poll_write`, for bytes that [`Self::send_file`] follows. A transport may send both in one packet.
    fn poll_write_ahead(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write(cx, bytes)
    }

    /// The number of bytes that this side accepted for sending, and that the other side has not acknowledged. Zero where
    /// the transport does not know.
    fn unacknowledged(&self) -> u64 {
        0
    }

    /// Makes the other side see a failure when the stream is dropped, where the transport can. Otherwise a response
    /// that ends with the connection would look complete when it is not.
    fn abort(&mut self) {}
}

impl Transport for DuplexStream {}

impl Transport for TcpStream {
    #[cfg(target_os = "linux")]
    async fn send_file(&mut self, file: &File, mut offset: u64, length: u64) -> io::Result<u64> {
        // The kernel continues for as long as the client reads, so other connections must get their turn.
        tokio::task::coop::consume_budget().await;
        let count = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(SENDFILE_CHUNK);
        loop {
            let send = || {
                Ok(rustix::fs::sendfile(
                    &*self,
                    file,
                    Some(&mut offset),
                    count,
                )?)
            };
            match self.try_io(tokio::io::Interest::WRITABLE, send) {
                Ok(sent) => return Ok(sent as u64),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn poll_write_ahead(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        use rustix::net::{SendFlags, send};
        loop {
            ready!(self.poll_write_ready(cx))?;
            let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
            let write = || Ok(send(&*self, bytes, flags)?);
            match self.try_io(tokio::io::Interest::WRITABLE, write) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn unacknowledged(&self) -> u64 {
        unacknowledged::of(self)
    }

    fn abort(&mut self) {
        // If this fails, the other side sees an orderly close. Nothing more can be done.
        let _ = self.set_zero_linger();
    }
}

/// The size of a file in bytes. The standard library calls statx(2), which takes twice as long.
#[cfg(unix)]
pub(crate) fn size_of(file: &File) -> io::Result<u64> {
    let size = rustix::fs::fstat(file)?.st_size;
    u64::try_from(size).map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(not(unix))]
pub(crate) fn size_of(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.len())
}

/// Appends at most `length` bytes of `file`, starting at `offset`, to `buffer` in one read. Returns the number of bytes
/// read; 0 means that the file has ended.
pub(crate) fn read_at(
    file: &File,
    offset: u64,
    length: usize,
    buffer: &mut Vec<u8>,
) -> io::Result<usize> {
    let start = buffer.len();
    buffer.resize(start + length, 0);
    let read = loop {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, &mut buffer[start..], offset);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, &mut buffer[start..], offset);
        if !matches!(&read, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
            break read;
        }
    };
    buffer.truncate(start + read.as_ref().map_or(0, |read| *read));
    read
}

async fn copy_file<S: AsyncWrite + Unpin + Send + ?Sized>(
    stream: &mut S,
    file: &File,
    offset: u64,
    length: u64,
) -> io::Result<u64> {
    let mut buffer = Vec::new();
    let length = usize::try_from(length)
        .unwrap_or(usize::MAX)
        .min(COPY_CHUNK);
    if read_at(file, offset, length, &mut buffer)? == 0 {
        return Ok(0);
    }
    match poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, &buffer)).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        sent => Ok(sent as u64),
    }
}

#[cfg(target_os = "linux")]
const SENDFILE_CHUNK: usize = 1 << 20;
const COPY_CHUNK: usize = 64 << 10;
