//! HTTP exchanges with other servers: sends one request over a new connection and returns the response.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep, sleep, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi_http::{Error, WasiBody};

use super::connect::Stream;

/// The time and size limits of an exchange.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// When the connection must be established.
    pub connected_by: Instant,
    /// The most time between the end of the request and the head of the response.
    pub first_byte: Duration,
    /// The most time between two parts of the response body.
    pub between_bytes: Duration,
    /// The most bytes of the response head.
    pub max_head: usize,
    /// The most bytes of the response body.
    pub max_body: u64,
}

/// The task that drives the connection. Dropping it closes the connection.
pub(super) type ConnectionTask = AbortOnDropHandle<hyper::Result<()>>;

/// Sends a request and waits for the head of its response.
///
/// # Errors
///
/// If the request is invalid, a limit is exceeded, or the connection or the other server fails.
pub(super) async fn exchange(
    stream: Box<dyn Stream>,
    mut request: Request<WasiBody>,
    bounds: Bounds,
) -> Result<(Response<WasiBody>, ConnectionTask), Error> {
    *request.uri_mut() = origin_form(request.uri())?;
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(bounds.max_head)
        .max_buf_size(bounds.max_head.max(MIN_BUFFER));
    let handshake = builder.handshake(TokioIo::new(stream));
    let (mut sender, connection) = match timeout_at(bounds.connected_by, handshake).await {
        Ok(connection) => connection.map_err(|error| hyper_error(&error, bounds.max_head))?,
        Err(_) => return Err(Error::ConnectionTimeout),
    };
    let driver = ConnectionTask::new(tokio::spawn(connection));
    let progress = Arc::new(Progress::default());
    let request = request.map(|body| TrackedBody {
        body,
        progress: progress.clone(),
    });
    let response = wait_for_head(sender.send_request(request), &progress, bounds.first_byte)
        .await
        .ok_or(Error::ConnectionReadTimeout)?
        .map_err(|error| hyper_error(&error, bounds.max_head))?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        // The request did not ask for another protocol.
        return Err(Error::HttpProtocolError);
    }
    let response = response.map(|incoming| {
        let body = BoundedBody {
            incoming,
            between_bytes: bounds.between_bytes,
            timer: None,
            max_head: bounds.max_head,
            max_body: bounds.max_body,
            left: bounds.max_body,
        };
        body.boxed_unsync()
    });
    Ok((response, driver))
}

/// The request target in origin form (RFC 9112, section 3.2.1).
fn origin_form(uri: &Uri) -> Result<Uri, Error> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let target = match target.starts_with('/') {
        true => target.parse(),
        false => format!("/{target}").parse(),
    };
    target.map_err(|_| Error::HttpRequestUriInvalid)
}

/// Waits for the head of the response. None if `limit` passes without a response and without progress of
/// the request body.
async fn wait_for_head<T>(
    response: impl Future<Output = T>,
    progress: &Progress,
    limit: Duration,
) -> Option<T> {
    let mut response = pin!(response);
    loop {
        match tokio::time::timeout(limit, response.as_mut()).await {
            Ok(response) => return Some(response),
            Err(_) if progress.is_under_way() => {}
            Err(_) => return None,
        }
    }
}

/// The progress of sending the request body.
#[derive(Default)]
struct Progress(AtomicU8);

impl Progress {
    /// Nothing was sent since the last check, and the handler did not cause the wait.
    const STALLED: u8 = 0;
    /// A part was sent since the last check.
    const SENT: u8 = 1;
    /// The handler has not produced the next part yet.
    const WAITING_FOR_HANDLER: u8 = 2;

    fn is_under_way(&self) -> bool {
        let moved = self.0.compare_exchange(
            Self::SENT,
            Self::STALLED,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        moved.is_ok() || moved == Err(Self::WAITING_FOR_HANDLER)
    }
}

/// A request body that records its progress.
struct TrackedBody {
    body: WasiBody,
    progress: Arc<Progress>,
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let state = match polled {
            Poll::Pending => Progress::WAITING_FOR_HANDLER,
            Poll::Ready(_) => Progress::SENT,
        };
        self.progress.0.store(state, Ordering::Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response body within its size and time limits. At most one buffer is read ahead of the handler.
struct BoundedBody {
    incoming: Incoming,
    between_bytes: Duration,
    /// Runs while the handler waits for the next part.
    timer: Option<Pin<Box<Sleep>>>,
    max_head: usize,
    max_body: u64,
    /// Bytes that the body may still have.
    left: u64,
}

impl BoundedBody {
    /// Counts the bytes of a frame. Fails if the body exceeds its limit.
    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                Ok(frame)
            }
            None => Err(Error::HttpResponseBodySize(Some(self.max_body))),
        }
    }
}

impl Body for BoundedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let body = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut body.incoming).poll_frame(context) {
            body.timer = None;
            let max_head = body.max_head;
            return Poll::Ready(frame.map(|frame| {
                let frame = frame.map_err(|error| hyper_error(&error, max_head))?;
                body.count(frame)
            }));
        }
        let between_bytes = body.between_bytes;
        let timer = body
            .timer
            .get_or_insert_with(|| Box::pin(sleep(between_bytes)));
        timer
            .as_mut()
            .poll(context)
            .map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

fn hyper_error(error: &hyper::Error, max_head: usize) -> Error {
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(u32::try_from(max_head).ok())
    } else if error.is_parse() {
        Error::HttpProtocolError
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else if error.is_timeout() {
        Error::HttpResponseTimeout
    } else if error.is_user() {
        match error.source().and_then(|cause| cause.downcast_ref()) {
            Some(Error::HttpRequestBodySize(size)) => Error::HttpRequestBodySize(*size),
            _ => Error::InternalError(Some("the body of the request is incomplete".into())),
        }
    } else {
        let cause = error.source().and_then(|cause| cause.downcast_ref());
        match cause.map(io::Error::kind) {
            Some(io::ErrorKind::UnexpectedEof) => Error::HttpResponseIncomplete,
            Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
                Error::HttpProtocolError
            }
            _ => Error::ConnectionTerminated,
        }
    }
}

/// The smallest buffer that hyper accepts.
const MIN_BUFFER: usize = 8 << 10;
