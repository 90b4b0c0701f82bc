//! Writes the standard output and error of guests to the log, line by line and bounded.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::captured_output::Recorder;

/// One of the standard streams of a guest. Each of its lines becomes a line of the log, with the name of the handler and the
/// number of the request.
#[derive(Clone)]
pub(crate) struct GuestLog(Arc<Mutex<Lines>>);

struct Lines {
    stream: &'static str,
    handler: Arc<str>,
    /// The number of the current request.
    current: Arc<AtomicU64>,
    /// The number of the request that wrote last.
    request: u64,
    line: Vec<u8>,
    /// Bytes that this request may still write to the log on this stream. Each line costs [`LINE_COST`] more.
    left: usize,
    /// Captures the output, if the handler is being developed.
    recorder: Option<Recorder>,
}

impl GuestLog {
    pub fn new(
        stream: &'static str,
        handler: &Arc<str>,
        request: &Arc<AtomicU64>,
        recorder: Option<Recorder>,
    ) -> Self {
        Self(Arc::new(Mutex::new(Lines {
            stream,
            handler: handler.clone(),
            current: request.clone(),
            request: request.load(Ordering::Relaxed),
            line: Vec::new(),
            left: MAX_OUTPUT,
            recorder,
        })))
    }

    /// Writes bytes to the log, up to the limit of the request.
    pub(super) fn write(&self, bytes: &[u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes);
    }
}

impl Lines {
    fn write(&mut self, mut bytes: &[u8]) {
        if let Some(recorder) = &self.recorder {
            recorder.write(bytes);
        }
        let current = self.current.load(Ordering::Relaxed);
        if current != self.request {
            self.flush();
            self.request = current;
            self.left = MAX_OUTPUT;
        }
        while self.left > 0 && !bytes.is_empty() {
            let room = self.left.min(MAX_LINE - self.line.len()).min(bytes.len());
            let taken = match bytes[..room].iter().position(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                None => room,
            };
            let (part, rest) = bytes.split_at(taken);
            self.line.extend_from_slice(part);
            self.left -= taken;
            bytes = rest;
            if part.ends_with(b"\n") || self.line.len() >= MAX_LINE {
                self.flush();
                self.left = self.left.saturating_sub(LINE_COST);
            }
            if self.left == 0 {
                self.flush();
                let Self {
                    stream,
                    handler,
                    request,
                    ..
                } = self;
                tracing::warn!(target: "guest", %handler, request, "{stream}: the output limit of 64 KiB is reached; further output of this request is dropped");
            }
        }
    }

    fn flush(&mut self) {
        if self.line.is_empty() {
            return;
        }
        // Control characters are escaped, so that a guest can neither forge log lines nor control a terminal.
        let line = String::from_utf8_lossy(&self.line);
        let line: String = line
            .trim_end_matches(['\n', '\r'])
            .chars()
            .flat_map(printable)
            .collect();
        let Self {
            stream,
            handler,
            request,
            ..
        } = self;
        tracing::info!(target: "guest", %handler, request, "{stream}: {line}");
        self.line.clear();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.flush();
    }
}

fn printable(c: char) -> Box<dyn Iterator<Item = char>> {
    if c.is_control() && c != '\t' {
        Box::new(c.escape_default())
    } else {
        Box::new(std::iter::once(c))
    }
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for GuestLog {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        GuestLog::write(self, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

impl AsyncWrite for GuestLog {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        GuestLog::write(&self, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Bytes that a request may write to the log on each of its two streams.
const MAX_OUTPUT: usize = 64 << 10;

/// What each line costs besides its own bytes, because the log adds the time and the name of the handler.
const LINE_COST: usize = 64;

/// Bytes of the longest line. Longer lines are split.
const MAX_LINE: usize = 8 << 10;

/// Bytes that a guest may write at once.
const PERMIT: usize = 64 << 10;
