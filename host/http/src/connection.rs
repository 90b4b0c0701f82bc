//! The state of a client's connection. Each of the files below implements one step of its protocol.

mod body_decoder;
pub(crate) mod body_feeder;
mod close;
pub(crate) mod drive;
pub(crate) mod read_buffer;
mod read_request;
mod respond;
mod send_body;
pub(crate) mod send_error;
mod send_pace;
mod send_stream;
mod write;

use std::ops::Range;
use std::sync::Arc;

use self::body_feeder::BodyFeeder;
use self::read_buffer::ReadBuffer;
use self::send_pace::SendPace;
use crate::limits::Limits;
use crate::request::head::Head;
use crate::request::reject::Reject;
use crate::timer::Timer;
use crate::transport::Transport;
use crate::version::Version;

/// A connection of one client. It reads requests one after another, and sends a response to each.
///
/// The [crate's documentation](crate) shows the order in which its methods are called.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    limits: Arc<Limits>,
    pub(crate) read_buffer: ReadBuffer,
    /// Bytes of the current response.
    pub(crate) write_buffer: Vec<u8>,
    /// The range of the final head in `write_buffer`.
    sent_head: Range<usize>,
    timer: Timer,
    /// Limits how long a streamed body produces nothing. It runs at the same time as `timer`.
    stream_timer: Timer,
    send_pace: SendPace,
    feeder: Option<BodyFeeder>,
    current: CurrentRequest,
    /// The head of a request that was refused although its head was well-formed.
    refused_head: Option<Box<Head>>,
    state: ConnectionState,
    /// Whether the current request is the last one.
    finishing: bool,
}

/// What the response must know of its request.
#[derive(Debug, Clone, Copy)]
struct CurrentRequest {
    version: Version,
    head_only: bool,
    persistent: bool,
    accepts_trailers: bool,
}

/// Whether the connection can still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionState {
    Persistent,
    /// The current response is the last one.
    Closing,
    /// The connection failed, or a response could not be completed. Nothing may be sent any more, not even an orderly
    /// close.
    Cut,
}

impl<S: Transport> Connection<S> {
    /// A connection over `stream` that has not received anything yet.
    pub fn new(stream: S, limits: Arc<Limits>) -> Self {
        Self {
            stream,
            limits,
            read_buffer: ReadBuffer::default(),
            write_buffer: Vec::new(),
            sent_head: 0..0,
            timer: Timer::default(),
            stream_timer: Timer::default(),
            send_pace: SendPace::default(),
            feeder: None,
            current: CurrentRequest {
                version: Version::Http11,
                head_only: false,
                persistent: false,
                accepts_trailers: false,
            },
            refused_head: None,
            state: ConnectionState::Persistent,
            finishing: false,
        }
    }

    /// Why the request's body could not be read, if its reader saw the error. The server must then reject the request,
    /// whatever the handler answered.
    pub fn body_failure(&self) -> Option<Reject> {
        self.feeder.as_ref()?.failure()
    }

    /// The head of the request that [`next_request`](Self::next_request) refused. None if the head was not well-formed.
    pub fn refused_head(&self) -> Option<&Head> {
        self.refused_head.as_deref()
    }

    /// Whether another request may follow the last response.
    pub fn is_persistent(&self) -> bool {
        self.state == ConnectionState::Persistent
    }

    /// Makes the current request the last one: its response closes the connection. For an orderly stop of the server.
    pub fn finish(&mut self) {
        self.finishing = true;
    }

    /// The head of the last response as sent. It is kept until [`idle`](Self::idle) is called.
    pub fn sent_head(&self) -> &[u8] {
        self.write_buffer
            .get(self.sent_head.clone())
            .unwrap_or_default()
    }
}
