//! Reading the next request: waiting for it, and its head.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::body_feeder::BodyFeeder;
use super::read_buffer::{IDLE_CAPACITY, Peer, READ_AHEAD};
use super::{Connection, ConnectionState, CurrentRequest};
use crate::request::Request;
use crate::request::body::RequestBody;
use crate::request::framing::BodyLength;
use crate::request::head::Head;
use crate::request::head_scanner::HeadScanner;
use crate::request::reject::Reject;
use crate::timer::deadline;
use crate::transport::Transport;
use crate::version::Version;

impl<S: Transport> Connection<S> {
    /// Waits for the first byte of the next request, which may have arrived already. Cancel-safe. A step of its own, so
    /// that the server can close a connection while it is idle.
    ///
    /// Returns false if there is no next request: the client closed the connection, was idle for too long, or the
    /// connection is not persistent.
    pub async fn idle(&mut self) -> bool {
        if !self.discard().await {
            return false;
        }
        let timeout = self.limits.idle_timeout;
        let mut until = None;
        poll_fn(|cx| {
            while !self.read_buffer.has_request() {
                match self.read_buffer.poll_fill(&mut self.stream, READ_AHEAD, cx) {
                    Poll::Ready(Peer::Open) => {}
                    Poll::Ready(Peer::HalfClosed | Peer::Gone) => return Poll::Ready(false),
                    Poll::Pending => {
                        self.read_buffer.release();
                        if self.write_buffer.capacity() > IDLE_CAPACITY {
                            self.write_buffer = Vec::new();
                        }
                        let until = *until.get_or_insert_with(|| deadline(timeout));
                        return self.timer.poll(until, cx).map(|()| false);
                    }
                }
            }
            Poll::Ready(true)
        })
        .await
    }

    /// Reads and checks the head of the next request. None if the client closed the connection before the head was
    /// complete, so that no response is possible.
    ///
    /// # Errors
    ///
    /// Why the request must be [rejected](Self::reject).
    pub async fn next_request(&mut self) -> Result<Option<Request>, Reject> {
        if !self.discard().await {
            return Ok(None);
        }
        match self.read_head().await {
            Ok(Some((head, body))) => Ok(Some(Request {
                head,
                body,
                added: Vec::new(),
            })),
            Ok(None) => {
                self.state = ConnectionState::Cut;
                Ok(None)
            }
            Err(reject) => {
                let head_only = self.read_buffer.bytes.starts_with(b"HEAD ");
                self.current = CurrentRequest {
                    version: Version::Http11,
                    head_only,
                    persistent: false,
                    accepts_trailers: false,
                };
                Err(reject)
            }
        }
    }

    async fn read_head(&mut self) -> Result<Option<(Head, Option<RequestBody>)>, Reject> {
        let max = self.limits.max_head.min(MAX_HEAD);
        let timeout = self.limits.header_timeout;
        let mut scan = HeadScanner::default();
        let mut until = None;
        let length = poll_fn(|cx| {
            loop {
                if self.read_buffer.has_request()
                    && let Some(length) = scan.find_end(&self.read_buffer.bytes, max)?
                {
                    return Poll::Ready(Ok(Some(length)));
                }
                match self
                    .read_buffer
                    .poll_fill(&mut self.stream, READ_AHEAD.max(max), cx)
                {
                    Poll::Ready(Peer::Open) => {}
                    Poll::Ready(Peer::HalfClosed | Peer::Gone) => return Poll::Ready(Ok(None)),
                    Poll::Pending => {
                        let until = *until.get_or_insert_with(|| deadline(timeout));
                        let has_started = self.read_buffer.has_request();
                        return self.timer.poll(until, cx).map(|()| match has_started {
                            true => Err(Reject::HeadTimeout),
                            false => Ok(None),
                        });
                    }
                }
            }
        })
        .await?;
        let Some(length) = length else {
            return Ok(None);
        };

        let (head, framing) =
            Head::parse(self.read_buffer.bytes.get(..length).unwrap_or_default())?;
        let max_body = self.limits.max_body;
        if matches!(framing.length, BodyLength::Known(length) if length > max_body) {
            self.refused_head = Some(Box::new(head));
            return Err(Reject::BodyTooLarge);
        }
        self.read_buffer.take_head(length);
        self.current = CurrentRequest {
            version: head.version(),
            head_only: head.method() == "HEAD",
            persistent: framing.persistent,
            accepts_trailers: framing.accepts_trailers,
        };
        if framing.length == BodyLength::Known(0) {
            return Ok(Some((head, None)));
        }
        let expects_continue = framing.expects_continue;
        let (feeder, body) = BodyFeeder::new(
            framing.length,
            expects_continue,
            max_body,
            &mut self.read_buffer,
        );
        self.feeder = Some(feeder);
        Ok(Some((head, Some(body))))
    }

    /// Discards the rest of the last request's body. Returns whether another request may follow. Cancel-safe.
    async fn discard(&mut self) -> bool {
        if let Some(feeder) = &mut self.feeder
            && self.state == ConnectionState::Persistent
        {
            let until = deadline(DISCARD_TIMEOUT);
            let complete = poll_fn(|cx| {
                match feeder.poll_discard(&mut self.stream, &mut self.read_buffer, cx) {
                    Poll::Ready(complete) => Poll::Ready(complete),
                    Poll::Pending => self.timer.poll(until, cx).map(|()| false),
                }
            })
            .await;
            if complete {
                self.feeder = None;
            } else {
                self.state = ConnectionState::Closing;
            }
        }
        self.state == ConnectionState::Persistent
    }
}

/// The upper bound of `Limits::max_head` in bytes.
const MAX_HEAD: usize = 1 << 20;
/// How long to wait for the rest of a body that is discarded.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(3);
