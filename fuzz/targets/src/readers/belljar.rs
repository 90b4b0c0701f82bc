//! Reads requests as belljar's server does.

use std::sync::Arc;

use belljar_http::{
    Body, BodyError, ClientGone, Connection, Frame, Limits, Reject, RequestBody, Response,
    Trailers, Version,
};
use bytes::Bytes;

use super::{Request, Target, replies, sorted};
use crate::transport::Client;

/// What the handler does with the bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    Bodies,
    /// The connection discards the bodies.
    Heads,
}

/// What belljar has read and sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub requests: Vec<Request>,
    /// Why the last request was refused.
    pub reject: Option<Reject>,
}

/// Reads all requests, and checks that the client receives a correct response to each.
pub async fn read(pieces: Vec<Bytes>, reading: Reading) -> Outcome {
    let (client, received) = Client::new(pieces);
    let mut connection = Connection::new(client, Arc::new(Limits::default()));
    let mut requests = Vec::new();
    let mut replies = Vec::new();
    let mut reject = None;
    while connection.idle().await {
        let request = match connection.next_request().await {
            Ok(Some(request)) => request,
            Ok(None) => break,
            Err(refused) => {
                connection.reject(&refused).await.expect("the client reads");
                assert!(!connection.is_persistent(), "a refused request is the last");
                reject = Some(refused);
                break;
            }
        };
        let mut seen = understood(&request);
        let reply = replies::Reply {
            head_only: seen.method == "HEAD",
            number: replies.len(),
        };
        if let Some(answer) = request.host_answer() {
            requests.push(seen);
            replies.push(None);
            connection.respond(answer).await.expect("the client reads");
            continue;
        }
        let body = match reading {
            Reading::Bodies => match connection.drive(Box::pin(read_body(request.body))).await {
                Ok(read) => read.map(Some),
                Err(ClientGone) => break,
            },
            Reading::Heads => Ok(None),
        };
        if let Some(refused) = connection.body_failure() {
            assert!(body.is_err(), "a failure that the reader did not see");
            connection.reject(&refused).await.expect("the client reads");
            assert!(!connection.is_persistent(), "a refused body is the last");
            reject = Some(refused);
            break;
        }
        seen.body = body.expect("the failure of the body is known");
        requests.push(seen);
        connection
            .respond(response(reply.number))
            .await
            .expect("the client reads");
        replies.push(Some(reply));
    }
    connection.close().await;
    replies::check(&received.take(), &replies, reject.as_ref());
    Outcome { requests, reject }
}

fn understood(request: &belljar_http::Request) -> Request {
    let head = &request.head;
    let fields = head
        .fields()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()));
    Request {
        method: head.method().into(),
        target: match request.head.path() {
            "" => Target::Other,
            path => Target::Resource {
                authority: head.authority().map(str::to_owned),
                path: path.into(),
                query: head.query().map(str::to_owned),
            },
        },
        version: match head.version() {
            Version::Http10 => 0,
            Version::Http11 => 1,
        },
        fields: sorted(fields.collect()),
        body: None,
    }
}

async fn read_body(body: Option<RequestBody>) -> Result<(Vec<u8>, Trailers), BodyError> {
    let mut content = Vec::new();
    let Some(mut body) = body else {
        return Ok((content, Trailers::new()));
    };
    while let Some(part) = body.read(100).await? {
        assert!((1..=100).contains(&part.len()), "a part of a wrong length");
        content.extend_from_slice(&part);
    }
    Ok((content, body.take_trailers()))
}

/// A response whose body has the number of its request. Some are streams.
fn response(number: usize) -> Response {
    let text = Bytes::from(replies::text(number));
    let body = match number % 3 {
        0 => Body::Bytes(text),
        kind => {
            let (sender, frames) = tokio::sync::mpsc::channel(2);
            let length = (kind == 1).then_some(text.len() as u64);
            let sent = [Frame::Data(text), Frame::End].map(|frame| sender.try_send(frame));
            assert!(sent.iter().all(Result::is_ok), "the channel has room");
            Body::Stream { frames, length }
        }
    };
    Response::new(200, Vec::new(), body).expect("the response is well-formed")
}
