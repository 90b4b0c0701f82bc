//! The response of a guest: whatever the guest answers, the client reads exactly that, or another response in its place.

use std::fs::File;
use std::io::Write as _;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use belljar_http::{Body, Connection, Frame, Limits, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::readers::block_on;
use crate::transport::Client;

/// The bytes are records, each of which ends with the byte 0x1e:
///
/// 1. words that describe request and response, such as `HEAD 1.0 keep-alive 206 stream 12`;
/// 2. for each field, its name and value with the byte 0x1f between them, until an empty record;
/// 3. the body, of which each record is a part of the stream.
pub fn run(data: &[u8]) {
    let given = Given::parse(data);
    let Some(response) = given.response() else {
        // The server answers 500 instead.
        return;
    };
    let status = response.status();
    let fields = response.fields().to_vec();
    let request = format!(
        "{} / HTTP/1.{}\r\nHost: h\r\nTE: trailers\r\n{}\r\n",
        if given.head_only { "HEAD" } else { "GET" },
        u8::from(!given.is_old),
        if given.keep_alive {
            "Connection: keep-alive\r\n"
        } else {
            ""
        }
    );
    let Sent {
        bytes: sent,
        is_persistent,
        is_replaced,
    } = block_on(answer(request, response));
    let fail =
        |why: &str| -> ! { panic!("{why}\ngiven: {given:?}\nsent: {}", sent.escape_ascii()) };
    let received = block_on(received(sent.clone(), given.head_only));
    let Some(received) = received else {
        // A response that was cut must not look whole: hyper refuses it.
        if is_persistent || given.is_whole() {
            fail("the client cannot read the response");
        }
        return;
    };
    if is_replaced {
        if received.status != 500 {
            fail("a response that cannot be sent is a 500");
        }
        return;
    }
    if received.status != status {
        fail("another status");
    }
    for (name, value) in &fields {
        let trimmed = value.trim_ascii();
        let found = received.fields.iter().any(|(their, content)| {
            their.eq_ignore_ascii_case(name) && content.trim_ascii() == trimmed
        });
        if !found {
            fail(&format!("the field {name} is missing"));
        }
    }
    let own = [
        "server",
        "date",
        "content-length",
        "transfer-encoding",
        "connection",
    ];
    for (name, _) in &received.fields {
        let is_given = fields.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        if !is_given && !own.contains(&name.as_str()) {
            fail(&format!("a field {name} that nobody sent"));
        }
    }
    let has_body = !given.head_only && !matches!(status, 204 | 304);
    let expected = if has_body { given.content() } else { vec![] };
    if received.body != expected {
        fail("another body");
    }
}

/// What the bytes describe.
#[derive(Debug)]
struct Given {
    head_only: bool,
    is_old: bool,
    keep_alive: bool,
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    kind: Kind,
    parts: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Empty,
    Bytes,
    /// With its declared length, and whether it ends.
    Stream(Option<u64>, bool),
    /// This many bytes of the file, from this offset.
    File(u64, u64),
}

impl Given {
    fn parse(data: &[u8]) -> Self {
        let mut records = data.split(|byte| *byte == 0x1e);
        let words = String::from_utf8_lossy(records.next().unwrap_or_default()).into_owned();
        let mut words = words.split_ascii_whitespace();
        let mut given = Self {
            head_only: false,
            is_old: false,
            keep_alive: false,
            status: 200,
            fields: Vec::new(),
            kind: Kind::Empty,
            parts: Vec::new(),
        };
        while let Some(word) = words.next() {
            match word {
                "HEAD" => given.head_only = true,
                "1.0" => given.is_old = true,
                "keep-alive" => given.keep_alive = true,
                "bytes" => given.kind = Kind::Bytes,
                "stream" => given.kind = Kind::Stream(number(words.next()), true),
                "cut" => given.kind = Kind::Stream(number(words.next()), false),
                "file" => {
                    let (offset, length) = (number(words.next()), number(words.next()));
                    given.kind = Kind::File(offset.unwrap_or(0), length.unwrap_or(0));
                }
                status => given.status = number(Some(status)).unwrap_or(given.status),
            }
        }
        for record in records.by_ref().take_while(|record| !record.is_empty()) {
            let mut halves = record.splitn(2, |byte| *byte == 0x1f);
            let name = String::from_utf8_lossy(halves.next().unwrap_or_default()).into_owned();
            given
                .fields
                .push((name, halves.next().unwrap_or_default().to_vec()));
        }
        given.parts = records.take(MOST_PARTS).map(<[u8]>::to_vec).collect();
        given
    }

    /// The response, if it is well-formed.
    fn response(&self) -> Option<Response> {
        let body = match self.kind {
            Kind::Empty => Body::Empty,
            Kind::Bytes => Body::Bytes(self.parts.concat().into()),
            Kind::Stream(length, ends) => {
                let (sender, frames) = tokio::sync::mpsc::channel(MOST_PARTS + 1);
                let data = self
                    .parts
                    .iter()
                    .map(|part| Frame::Data(Bytes::copy_from_slice(part)));
                for frame in data.chain(ends.then_some(Frame::End)) {
                    sender.try_send(frame).expect("the channel has room");
                }
                Body::Stream { frames, length }
            }
            Kind::File(offset, length) => Body::File {
                file: file(),
                offset,
                length,
            },
        };
        Response::new(self.status, self.fields.clone(), body).ok()
    }

    /// Whether the body is as long as it says.
    fn is_whole(&self) -> bool {
        let length = self.content().len() as u64;
        match self.kind {
            Kind::Stream(declared, ends) => {
                ends && declared.is_none_or(|declared| declared == length)
            }
            Kind::File(_, declared) => declared == length,
            Kind::Empty | Kind::Bytes => true,
        }
    }

    fn content(&self) -> Vec<u8> {
        match self.kind {
            Kind::Empty => Vec::new(),
            Kind::Bytes | Kind::Stream(..) => self.parts.concat(),
            Kind::File(offset, length) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let end = usize::try_from(offset.saturating_add(length)).unwrap_or(usize::MAX);
                CONTENT
                    .get(start..end.min(CONTENT.len()))
                    .unwrap_or_default()
                    .to_vec()
            }
        }
    }
}

fn number<T: FromStr>(word: Option<&str>) -> Option<T> {
    word?.parse().ok()
}

struct Sent {
    bytes: Vec<u8>,
    /// Whether the connection may carry another request.
    is_persistent: bool,
    /// Whether the server sent an error response instead.
    is_replaced: bool,
}

/// Sends a response as the server does.
async fn answer(request: String, response: Response) -> Sent {
    let (client, received) = Client::new(vec![request.into()]);
    let mut connection = Connection::new(client, Arc::new(Limits::default()));
    let request = connection.next_request().await;
    assert!(matches!(request, Ok(Some(_))), "{request:?}");
    let outcome = connection.respond(response).await;
    let is_replaced = outcome.is_err_and(|error| error.nothing_sent());
    if is_replaced {
        assert_eq!(
            received.take(),
            b"",
            "bytes of a response that was not sent"
        );
        let replaced = connection.respond(Response::error(500)).await;
        assert!(replaced.is_ok(), "{replaced:?}");
    }
    Sent {
        bytes: received.take(),
        is_persistent: connection.is_persistent(),
        is_replaced,
    }
}

struct Received {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// The response as hyper's client reads it. None if it is malformed or cut, or bytes follow it.
async fn received(sent: Vec<u8>, head_only: bool) -> Option<Received> {
    let length = sent.len();
    let server = TokioIo::new(Client::server(vec![Bytes::from(sent)]));
    let mut client = http1::Builder::new();
    let (mut sender, connection) = client.max_headers(256).handshake(server).await.ok()?;
    let method = if head_only { "HEAD" } else { "GET" };
    let request = hyper::Request::builder()
        .method(method)
        .body(Empty::<Bytes>::new())
        .ok()?;
    let exchange = async move {
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes().to_vec();
        Some((head, body))
    };
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    // The connection may end before the last bytes of the response have been taken.
    let (head, body) = tokio::select! {
        biased;
        done = &mut exchange => done?,
        _ = &mut connection => exchange.await?,
    };
    let fields = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    assert!(
        body.len() <= length,
        "the body is longer than what was sent"
    );
    Some(Received {
        status: head.status.as_u16(),
        fields: fields.collect(),
        body,
    })
}

/// A file with known content.
fn file() -> Arc<File> {
    static FILE: OnceLock<Arc<File>> = OnceLock::new();
    let make = || {
        let mut file = tempfile::tempfile()?;
        file.write_all(CONTENT)?;
        Ok::<_, std::io::Error>(Arc::new(file))
    };
    FILE.get_or_init(|| make().expect("the file is written"))
        .clone()
}

const CONTENT: &[u8] = &[b'f'; 5000];

const MOST_PARTS: usize = 64;
