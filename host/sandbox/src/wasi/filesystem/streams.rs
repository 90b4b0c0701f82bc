//! The streams of files of WASI 0.2.
//!
//! Those of wasmtime-wasi use the blocking pool of the server.

use std::fs::File as OsFile;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rustix::io::{ReadWriteFlags, pwritev2};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::runtime::poll_noop;

use super::work::FileWork;
use crate::account::ledger::Account;

/// Where a stream writes.
#[derive(Clone, Copy)]
pub(super) enum Position {
    At(u64),
    End,
}

impl Position {
    /// Writes some of the bytes, and returns how many.
    pub fn write(self, file: &OsFile, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::At(position) => file.write_at(bytes, position),
            Self::End => {
                let bytes = [io::IoSlice::new(bytes)];
                Ok(pwritev2(file, &bytes, 0, ReadWriteFlags::APPEND)?)
            }
        }
    }

    /// Moves on after `written` bytes.
    pub fn advance(&mut self, written: usize) {
        if let Self::At(position) = self {
            *position = position.saturating_add(written as u64);
        }
    }
}

/// A file that is read from some position on, on the guest's own thread.
pub(super) struct FileInput {
    file: Arc<OsFile>,
    position: u64,
    closed: bool,
}

impl FileInput {
    pub fn new(file: Arc<OsFile>, position: u64) -> Self {
        Self {
            file,
            position,
            closed: false,
        }
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for FileInput {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi_io::async_trait]
impl InputStream for FileInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.closed {
            return Err(StreamError::Closed);
        }
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut bytes = BytesMut::zeroed(size.min(MAX_PART));
        loop {
            match self.file.read_at(&mut bytes, self.position) {
                Ok(0) => {
                    self.closed = true;
                    return Err(StreamError::Closed);
                }
                Ok(read) => {
                    self.position += read as u64;
                    bytes.truncate(read);
                    return Ok(bytes.freeze());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.closed = true;
                    return Err(StreamError::LastOperationFailed(error.into()));
                }
            }
        }
    }
}

/// A file that is written on the threads for file work.
pub(super) struct FileOutput {
    file: Arc<OsFile>,
    position: Position,
    work: FileWork,
    account: Arc<Account>,
    state: State,
}

enum State {
    Ready,
    Writing(Writing),
    Failed(wasmtime::Error),
    Closed,
}

/// Resolves to the position after the write.
type Writing = Pin<Box<dyn Future<Output = wasmtime::Result<io::Result<Position>>> + Send>>;

impl FileOutput {
    pub fn new(
        file: Arc<OsFile>,
        position: Position,
        work: FileWork,
        account: Arc<Account>,
    ) -> Self {
        Self {
            file,
            position,
            work,
            account,
            state: State::Ready,
        }
    }

    fn wrote(&mut self, outcome: wasmtime::Result<io::Result<Position>>) {
        self.state = match outcome {
            Ok(Ok(position)) => {
                self.position = position;
                State::Ready
            }
            Ok(Err(error)) => State::Failed(error.into()),
            Err(error) => State::Failed(error),
        };
    }

    /// Looks whether the write is over. Starts it, if it could not start before.
    fn look(&mut self) {
        if let State::Writing(writing) = &mut self.state
            && let Some(outcome) = poll_noop(Pin::new(&mut *writing))
        {
            self.wrote(outcome);
        }
    }

    /// The error of the last write, once.
    fn failure(&mut self) -> Result<(), StreamError> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Failed(error) => Err(StreamError::LastOperationFailed(error)),
            State::Closed => Err(StreamError::Closed),
            other => {
                self.state = other;
                Ok(())
            }
        }
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for FileOutput {
    async fn ready(&mut self) {
        if let State::Writing(writing) = &mut self.state {
            let outcome = writing.await;
            self.wrote(outcome);
        }
    }
}

#[wasmtime_wasi_io::async_trait]
impl OutputStream for FileOutput {
    fn write(&mut self, mut bytes: Bytes) -> StreamResult<()> {
        match self.state {
            State::Ready if bytes.len() <= MAX_PART => {}
            State::Closed => return Err(StreamError::Closed),
            _ => {
                return Err(StreamError::Trap(wasmtime::format_err!(
                    "a write that check-write has not permitted"
                )));
            }
        }
        let (file, mut position) = (self.file.clone(), self.position);
        let write = move || {
            while !bytes.is_empty() {
                match position.write(&file, &bytes) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => {
                        position.advance(written);
                        bytes = bytes.split_off(written);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(position)
        };
        self.state = State::Writing(Box::pin(self.work.run(&self.account, write)));
        self.look();
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.look();
        self.failure()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.look();
        self.failure()?;
        match self.state {
            State::Ready => Ok(MAX_PART),
            _ => Ok(0),
        }
    }

    /// A write that has begun is not lost.
    async fn cancel(&mut self) {
        self.ready().await;
        self.state = State::Closed;
    }
}

/// The most bytes that are read or written at once.
pub(super) const MAX_PART: usize = 64 << 10;
