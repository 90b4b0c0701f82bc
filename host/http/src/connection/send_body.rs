//! Sending a body: bytes, a file or a stream.

use std::fs::File;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::Connection;
use super::send_error::{Cut, SendError};
use super::write::{COPIED, Next};
use crate::response::body::Body;
use crate::response::framing::ResponseFraming;
use crate::transport::{Transport, read_at, size_of};

impl<S: Transport> Connection<S> {
    /// Sends the write buffer, and the body after it. Returns the length of the body.
    pub(super) async fn send_body(
        &mut self,
        body: Body,
        framing: ResponseFraming,
    ) -> Result<u64, SendError> {
        match body {
            Body::Empty => self.write(0, &[], Next::Other).await.map(|()| 0),
            Body::Bytes(bytes) if bytes.len() <= COPIED => {
                self.write_buffer.extend_from_slice(&bytes);
                self.write(0, &[], Next::Other)
                    .await
                    .map(|()| bytes.len() as u64)
            }
            Body::Bytes(bytes) => self
                .write(0, &bytes, Next::Other)
                .await
                .map(|()| bytes.len() as u64),
            Body::File {
                file,
                offset,
                length,
                // Reading no bytes would not reveal that the offset is past the end of the file.
            } if length <= INLINE_FILE && (length > 0 || offset == 0) => {
                self.read_file(&file, offset, length)?;
                self.write(0, &[], Next::Other).await.map(|()| length)
            }
            Body::File {
                file,
                offset,
                length,
            } => {
                check_extent(&file, offset, length)?;
                self.write(0, &[], Next::File).await?;
                self.send_file(&file, offset, length).await.map(|()| length)
            }
            Body::Stream { frames, .. } => self.send_stream(frames, framing).await,
        }
    }

    fn read_file(&mut self, file: &File, offset: u64, length: u64) -> Result<(), SendError> {
        let mut read = 0;
        while read < length {
            let rest = usize::try_from(length - read).unwrap_or(usize::MAX);
            let offset = offset.checked_add(read).ok_or(SendError::FileTooShort)?;
            match read_at(file, offset, rest, &mut self.write_buffer)
                .map_err(SendError::Unreadable)?
            {
                0 => return Err(SendError::FileTooShort),
                more => read += more as u64,
            }
        }
        Ok(())
    }

    async fn send_file(&mut self, file: &File, offset: u64, length: u64) -> Result<(), SendError> {
        let mut sent = 0;
        while sent < length {
            let progress = {
                let mut sending = pin!(self.stream.send_file(file, offset + sent, length - sent));
                let (timer, pace, limits) = (&mut self.timer, &mut self.send_pace, &self.limits);
                poll_fn(|cx| match sending.as_mut().poll(cx) {
                    Poll::Ready(progress) => Poll::Ready(Some(progress)),
                    Poll::Pending => timer.poll(pace.deadline(limits), cx).map(|()| None),
                })
                .await
            };
            match progress.transpose().map_err(SendError::Io)? {
                Some(0) => return Err(SendError::Cut(Cut::FileShrank)),
                Some(more) => {
                    sent += more;
                    self.send_pace.sent(more);
                }
                None if self.send_pace.is_too_slow(&self.stream, &self.limits) => {
                    return Err(SendError::TooSlow);
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// Checks a body that is not sent, for HEAD: a GET with the same body would fail too.
pub(super) fn check_unsent(body: &Body) -> Result<(), SendError> {
    match body {
        Body::File {
            file,
            offset,
            length,
        } => check_extent(file, *offset, *length),
        _ => Ok(()),
    }
}

fn check_extent(file: &File, offset: u64, length: u64) -> Result<(), SendError> {
    let size = size_of(file).map_err(SendError::Unreadable)?;
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok(()),
        _ => Err(SendError::FileTooShort),
    }
}

/// The length of a body that is sent in one write with the head. Zero for other bodies.
pub(super) fn inline_length(body: &Body) -> usize {
    match body {
        Body::Bytes(bytes) if bytes.len() <= COPIED => bytes.len(),
        Body::File { length, .. } if *length <= INLINE_FILE => {
            usize::try_from(*length).unwrap_or_default()
        }
        _ => 0,
    }
}

/// Files of up to this many bytes are read and sent in one write with the head.
const INLINE_FILE: u64 = 64 << 10;
