//! Tests of a connection from the client's side, over a pipe in memory and with a paused clock.

mod connection_ends;
mod request_bodies;
mod request_heads;
mod responses;
mod splits;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::*;

/// A response as the client received it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Received {
    status: u16,
    /// Names are in lower case. Date and Server are checked and removed by the parser.
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Received {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// `200`, `400 close`, `200 keep-alive`
    fn summary(&self) -> String {
        let connection = self.field("connection").map(|value| format!(" {value}"));
        format!("{}{}", self.status, connection.unwrap_or_default())
    }
}

/// Sends `request` in pieces of `step` bytes, as [`exchange_pieces`] does.
async fn exchange(request: &[u8], step: usize, limits: &Limits) -> Vec<u8> {
    let pieces = request.chunks(step).map(Bytes::copy_from_slice);
    exchange_pieces(pieces.collect(), limits).await
}

/// Sends `pieces`, with a pause after each, and closes the client's side. Returns all bytes that the server sends.
async fn exchange_pieces(pieces: Vec<Bytes>, limits: &Limits) -> Vec<u8> {
    let (client, server) = duplex(1 << 20);
    let server = tokio::spawn(serve(server, Arc::new(limits.clone())));
    let (mut reader, mut writer) = tokio::io::split(client);
    let sender = tokio::spawn(async move {
        for piece in pieces {
            // The server may have closed the connection.
            let _ = writer.write_all(&piece).await;
            sleep(Duration::from_micros(100)).await;
        }
        let _ = writer.shutdown().await;
    });
    let mut answer = Vec::new();
    timeout(HANGING, reader.read_to_end(&mut answer))
        .await
        .expect("the server hangs")
        .unwrap();
    server.await.expect("the server panicked");
    sender.await.unwrap();
    answer
}

/// The responses to `request`. They must be the same however its bytes are split.
async fn responses(request: &str) -> Vec<Received> {
    responses_within(request, &Limits::default()).await
}

async fn responses_within(request: &str, limits: &Limits) -> Vec<Received> {
    let whole = parse_all(
        &exchange(request.as_bytes(), request.len().max(1), limits).await,
        request,
    );
    for step in [1, 2, 3, 7, 61] {
        if request.len() / step < 4096 {
            let split = parse_all(&exchange(request.as_bytes(), step, limits).await, request);
            assert_eq!(split, whole, "{request:?} in pieces of {step}");
        }
    }
    whole
}

/// A summary of the responses to `request` and to a second request after it, such as `200, 200` or `400 close`.
async fn summary(request: &str) -> String {
    let request = format!("{request}GET /after HTTP/1.1\r\nHost: h\r\n\r\n");
    summarise(&responses(&request).await)
}

fn summarise(responses: &[Received]) -> String {
    responses
        .iter()
        .map(Received::summary)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Parses all bytes that a server sent in response to `request`. Every response must be complete.
fn parse_all(mut bytes: &[u8], request: &str) -> Vec<Received> {
    let mut responses = Vec::new();
    let mut head_only = request.starts_with("HEAD ");
    while !bytes.is_empty() {
        let (response, rest) = parse_one(bytes, head_only).unwrap_or_else(|| {
            panic!(
                "incomplete response {:?} to {request:?}",
                String::from_utf8_lossy(bytes)
            )
        });
        head_only &= response.status == 100;
        responses.push(response);
        bytes = rest;
    }
    responses
}

fn parse_one(bytes: &[u8], head_only: bool) -> Option<(Received, &[u8])> {
    let mut fields = [httparse::EMPTY_HEADER; 256];
    let mut head = httparse::Response::new(&mut fields);
    let length = head
        .parse(bytes)
        .ok()
        .filter(|status| status.is_complete())?
        .unwrap();
    let status = head.code?;
    let mut fields: Vec<_> = head
        .headers
        .iter()
        .map(|field| {
            (
                field.name.to_lowercase(),
                String::from_utf8_lossy(field.value).into_owned(),
            )
        })
        .collect();
    if status != 100 {
        let date = fields
            .iter()
            .position(|(name, _)| name == "date")
            .expect("the response has no Date field");
        assert!(httpdate::parse_http_date(&fields.remove(date).1).is_ok());
        let server = fields
            .iter()
            .position(|(name, _)| name == "server")
            .expect("the response has no Server field");
        assert_eq!(fields.remove(server).1, "belljar");
    }
    let mut received = Received {
        status,
        fields,
        body: Vec::new(),
    };
    let rest = &bytes[length..];
    if head_only || matches!(status, 100 | 204 | 304) {
        return Some((received, rest));
    }
    if let Some(length) = received.field("content-length") {
        let length = length.parse().ok()?;
        received.body = rest.get(..length)?.to_vec();
        return Some((received, &rest[length..]));
    }
    if received.field("transfer-encoding") == Some("chunked") {
        let (mut input, mut content) = (bytes::BytesMut::from(rest), bytes::BytesMut::new());
        let whole = crate::request::chunked_decoder::ChunkedDecoder::default()
            .decode(&mut input, &mut content)
            .ok()?;
        received.body = content.to_vec();
        return whole.then(|| (received, &rest[rest.len() - input.len()..]));
    }
    // The body ends with the connection.
    assert_eq!(received.field("connection"), Some("close"));
    received.body = rest.to_vec();
    Some((received, &[]))
}

/// Serves a connection as the server does.
async fn serve<S: Transport>(stream: S, limits: Arc<Limits>) {
    let mut connection = Connection::new(stream, limits);
    while connection.idle().await {
        let request = match connection.next_request().await {
            Ok(Some(request)) => request,
            Ok(None) => break,
            Err(reject) => {
                let _ = connection.reject(&reject).await;
                assert!(!connection.is_persistent());
                break;
            }
        };
        let answer = match request.host_answer() {
            Some(answer) => answer,
            None => match connection.drive(Box::pin(handle(request))).await {
                Ok(answer) => answer,
                Err(ClientGone) => break,
            },
        };
        let outcome = match connection.body_failure() {
            Some(reject) => connection.reject(&reject).await,
            None => connection.respond(answer).await,
        };
        let outcome = match outcome {
            Err(error) if error.nothing_sent() => connection.respond(Response::error(500)).await,
            outcome => outcome,
        };
        if outcome.is_err() {
            break;
        }
    }
    connection.close().await;
}

/// A handler whose behaviour depends on the path.
async fn handle(mut request: Request) -> Response {
    let fields = |name: &str, value: &str| vec![(name.to_owned(), value.as_bytes().to_vec())];
    let ok = |body: Body| Response::new(200, Vec::new(), body).unwrap();
    let body = request.body.take();
    match request.head.path() {
        // Sends the body back. If it cannot be read, the server must reject the request, whatever the handler answers.
        "/echo" => match read_all(body).await {
            Ok(content) => ok(Body::Bytes(content.into())),
            Err(_) => ok(Body::Bytes("the handler hides the failure".into())),
        },
        "/first-byte" => {
            let first = body.unwrap().read(1).await.unwrap().unwrap();
            ok(Body::Bytes(first))
        }
        "/ignore" => ok(Body::Bytes("ignored".into())),
        "/never" => pending().await,
        "/slow" => {
            sleep(Duration::from_millis(500)).await;
            ok(Body::Bytes("slow".into()))
        }
        "/nothing" => Response::new(204, Vec::new(), Body::Empty).unwrap(),
        "/not-modified" => Response::new(304, fields("ETag", "\"x\""), Body::Empty).unwrap(),
        "/length-of-head" => {
            Response::new(200, fields("Content-Length", "77"), Body::Empty).unwrap()
        }
        "/mismatch" => Response::new(
            200,
            fields("Content-Length", "3"),
            Body::Bytes("four".into()),
        )
        .unwrap(),
        "/many-bytes" => ok(Body::Bytes(vec![b'm'; 300_000].into())),
        "/large-fields" => {
            Response::new(200, fields("a", &"b".repeat(40_000)), Body::Empty).unwrap()
        }
        "/stream" => ok(stream(
            None,
            vec![
                data("a"),
                data(""),
                data(&"b".repeat(20_000)),
                data("c"),
                Frame::End,
            ],
        )),
        // Longer than the send timeout lies between two events.
        "/events" => ok(stream_with_pauses(
            Duration::from_secs(50),
            None,
            (0..10).map(|_| data("event")).chain([Frame::End]).collect(),
        )),
        "/stream-nothing" => ok(stream(None, vec![Frame::End])),
        "/stream-known" => ok(stream(Some(5), vec![data("he"), data("llo"), Frame::End])),
        "/stream-cut" => ok(stream(None, vec![data("part")])),
        "/stream-long" => ok(stream(Some(4), vec![data("he"), data("llo"), Frame::End])),
        "/stream-short" => ok(stream(Some(6), vec![data("he"), data("llo"), Frame::End])),
        "/stream-echo" => ok(echo(body)),
        path => ok(Body::Bytes(
            format!("{} {path}", request.head.method()).into(),
        )),
    }
}

async fn read_all(body: Option<RequestBody>) -> Result<Vec<u8>, BodyError> {
    let mut content = Vec::new();
    if let Some(mut body) = body {
        while let Some(chunk) = body.read(1000).await? {
            assert!((1..=1000).contains(&chunk.len()));
            content.extend_from_slice(&chunk);
        }
    }
    Ok(content)
}

fn data(text: &str) -> Frame {
    Frame::Data(Bytes::copy_from_slice(text.as_bytes()))
}

/// A stream with a short pause before each frame, so that the head is sent first.
fn stream(length: Option<u64>, source: Vec<Frame>) -> Body {
    stream_with_pauses(Duration::from_millis(1), length, source)
}

fn stream_with_pauses(pause: Duration, length: Option<u64>, source: Vec<Frame>) -> Body {
    let (sender, frames) = mpsc::channel(1);
    tokio::spawn(async move {
        for frame in source {
            sleep(pause).await;
            if sender.send(frame).await.is_err() {
                return;
            }
        }
        sleep(Duration::from_millis(1)).await;
    });
    Body::Stream { frames, length }
}

/// A stream that sends the request's body back while it arrives.
fn echo(body: Option<RequestBody>) -> Body {
    let (sender, frames) = mpsc::channel(1);
    tokio::spawn(async move {
        if let Some(mut body) = body {
            loop {
                match body.read(1000).await {
                    Ok(Some(chunk)) => sender.send(Frame::Data(chunk)).await.unwrap(),
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
        }
        let _ = sender.send(Frame::End).await;
    });
    Body::Stream {
        frames,
        length: None,
    }
}

/// Starts a server with the default limits, and returns its client.
fn start() -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (client, server) = duplex(1 << 16);
    (
        client,
        tokio::spawn(serve(server, Arc::new(Limits::default()))),
    )
}

/// Reads from `client` until `end` has arrived.
async fn read_until(client: &mut DuplexStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let byte = timeout(HANGING, client.read_u8())
            .await
            .expect("the server hangs");
        match byte {
            Ok(byte) => text.push(byte),
            Err(_) => panic!("no {end:?} in {:?}", String::from_utf8_lossy(&text)),
        }
    }
    String::from_utf8(text).unwrap()
}

/// Longer than every limit, on the paused clock.
const HANGING: Duration = Duration::from_secs(1000);
