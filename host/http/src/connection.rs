pub(crate) mod body_feeder;
mod close;
pub(crate) mod drive;
pub(crate) mod read_buffer;
mod read_request;
mod respond;
mod send;
pub(crate) mod send_error;
mod send_stream;

use std::ops::Range;
use std::sync::Arc;

use self::body_feeder::BodyFeeder;
use self::read_buffer::ReadBuffer;
use crate::limits::Limits;
use crate::request::reject::Reject;
use crate::timer::Timer;
use crate::transport::Transport;
use crate::version::Version;

/// One connection of a client: requests come out of it, one after the other, and responses go into it.
///
/// See the [module](super) for the order in which it is used. Sending is in the file `respond.rs`.
#[derive(Debug)]
pub struct Connection<S> {
    pub(crate) stream: S,
    pub(crate) limits: Arc<Limits>,
    pub(crate) read_buffer: ReadBuffer,
    /// What is sent, and where the final head is in it.
    pub(crate) write_buffer: Vec<u8>,
    pub(crate) sent_head: Range<usize>,
    pub(crate) timer: Timer,
    /// Beside `timer`, for the source of a stream.
    pub(crate) stream_timer: Timer,
    pub(crate) feeder: Option<BodyFeeder>,
    pub(crate) current: CurrentRequest,
    pub(crate) state: ConnectionState,
    /// No more requests are taken after the current one.
    pub(crate) finishing: bool,
}

/// What the response has to know of the request that it answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CurrentRequest {
    pub(crate) version: Version,
    pub(crate) head_only: bool,
    pub(crate) persistent: bool,
    pub(crate) accepts_trailers: bool,
}

/// What may still happen on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    Persistent,
    /// The last response is, or was, sent.
    Closing,
    /// It failed, or a response could not be brought to its end: nothing may be sent any more, not even an
    /// orderly end.
    Cut,
}

impl<S: Transport> Connection<S> {
    pub fn new(stream: S, limits: Arc<Limits>) -> Self {
        Self {
            stream,
            limits,
            read_buffer: ReadBuffer::default(),
            write_buffer: Vec::new(),
            sent_head: 0..0,
            timer: Timer::default(),
            stream_timer: Timer::default(),
            feeder: None,
            current: CurrentRequest {
                version: Version::Http11,
                head_only: false,
                persistent: false,
                accepts_trailers: false,
            },
            state: ConnectionState::Persistent,
            finishing: false,
        }
    }

    /// How the request's body failed, if its reader ran into it. The response is then this one, whatever the
    /// handler says.
    pub fn body_failure(&self) -> Option<Reject> {
        self.feeder.as_ref()?.failure()
    }

    /// Whether another request may follow the last response.
    pub fn is_persistent(&self) -> bool {
        self.state == ConnectionState::Persistent
    }

    /// Lets no request follow the current one: the next response says so. For an orderly end of the server.
    pub fn finish(&mut self) {
        self.finishing = true;
    }

    /// The head of the last response as it was sent. Kept until the next request is waited for.
    pub fn sent_head(&self) -> &[u8] {
        self.write_buffer
            .get(self.sent_head.clone())
            .unwrap_or_default()
    }
}
