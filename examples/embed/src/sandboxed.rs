//! Runs a handler of belljar behind a route of axum: converts the request, calls the handler, converts its answer.

use std::io::SeekFrom;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use belljar_http::{BodyError, BodySender, Frame as Piece, RequestBody};
use belljar_sandbox::{Answer, Engine, Failure, Grants, Handler, Lease, Limits};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;

/// A handler in a sandbox. All requests of a route share it.
#[derive(Clone)]
pub struct Sandboxed(Arc<Handler>);

impl Sandboxed {
    /// Loads a component with the default limits and no grants: it sees its request, clocks and random numbers.
    pub fn load(name: &str, component: &[u8]) -> anyhow::Result<Self> {
        let limits = Limits::default();
        let engine = Engine::new(limits.max_instances, 2)?;
        let grants = Grants::new(name.into(), Vec::new(), &[])?;
        let handler = Handler::load(Arc::new(engine), component, grants, limits)?;
        Ok(Self(Arc::new(handler.build())))
    }
}

/// Answers a request with the handler.
pub async fn answer(
    State(handler): State<Sandboxed>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let request = match convert(request) {
        Ok(request) => request,
        Err(reason) => return (StatusCode::BAD_REQUEST, format!("{reason}\n")).into_response(),
    };
    match handler.0.call(request, client.to_string().into()).await {
        Ok(answer) => respond(answer).await,
        Err(failed) => {
            eprintln!("/hello: {}", failed.failure);
            status(&failed.failure).into_response()
        }
    }
}

/// The status for a failure is the server's choice.
fn status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::Cpu(_) | Failure::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
        Failure::NoInstance(_) | Failure::QueueFull(_) => StatusCode::SERVICE_UNAVAILABLE,
        Failure::RateExceeded { .. } => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Converts a request. Its body is read only as far as the handler asks for it.
fn convert(request: Request) -> Result<belljar_http::Request, belljar_http::Reject> {
    let (head, body) = request.into_parts();
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let fields = head.headers.iter();
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let mut converted = belljar_http::Request::from_parts(head.method.as_str(), target, fields)?;
    if !http_body::Body::is_end_stream(&body) {
        let (sender, reader) = RequestBody::channel();
        tokio::spawn(feed(body, sender));
        converted.body = Some(reader);
    }
    Ok(converted)
}

async fn feed(mut body: Body, sender: BodySender) {
    while sender.wanted().await {
        match body.frame().await {
            Some(Ok(frame)) => sender.send(frame.into_data().unwrap_or_default()),
            Some(Err(_)) => return sender.end(Err(BodyError::CutShort)),
            None => return sender.end(Ok(())),
        }
    }
}

/// Converts an answer. A streamed body holds the lease of the instance, whose guest is still writing it.
async fn respond(answer: Answer) -> Response {
    let Answer { response, lease } = answer;
    let mut builder = Response::builder().status(response.status());
    for (name, value) in response.fields() {
        builder = builder.header(name.as_str(), value.as_slice());
    }
    let body = match response.into_body() {
        belljar_http::Body::Empty => Body::empty(),
        belljar_http::Body::Bytes(bytes) => Body::from(bytes),
        belljar_http::Body::File {
            file,
            offset,
            length,
        } => match file.try_clone() {
            Ok(file) => file_body(file.into(), offset, length).await,
            Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        belljar_http::Body::Stream { frames, .. } => Body::new(Streamed {
            frames,
            lease: Some(lease),
        }),
    };
    builder
        .body(body)
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// A body that is still being written by the guest, which the lease keeps running.
struct Streamed {
    frames: mpsc::Receiver<Piece>,
    lease: Option<Lease>,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(match ready!(self.frames.poll_recv(context)) {
            Some(Piece::Data(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End | Piece::Trailers(_)) => {
                self.lease.take().into_iter().for_each(Lease::finish);
                None
            }
            // The guest failed. An error makes axum cut the connection.
            None => Some(Err(std::io::ErrorKind::UnexpectedEof.into())),
        })
    }
}

/// `length` bytes of a file, in pieces.
async fn file_body(mut file: tokio::fs::File, offset: u64, length: u64) -> Body {
    let (pieces, frames) = mpsc::channel(2);
    tokio::spawn(async move {
        if file.seek(SeekFrom::Start(offset)).await.is_err() {
            return;
        }
        let mut rest = file.take(length);
        let mut left = length;
        while left > 0 {
            let mut piece = bytes::BytesMut::with_capacity(64 << 10);
            match rest.read_buf(&mut piece).await {
                Ok(read) if read > 0 => left -= read as u64,
                // The file became shorter: the channel closes without an end.
                _ => return,
            }
            if pieces.send(Piece::Data(piece.freeze())).await.is_err() {
                return;
            }
        }
        let _ = pieces.send(Piece::End).await;
    });
    Body::new(Streamed {
        frames,
        lease: None,
    })
}
