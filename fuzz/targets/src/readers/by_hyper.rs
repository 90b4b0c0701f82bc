//! Reads requests as hyper's server does.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;

use super::{Request, Target, sorted};
use crate::transport::Client;

/// The requests that hyper accepts, up to the first one that it refuses; and whether it refused none.
pub async fn read(pieces: Vec<Bytes>) -> (Vec<Request>, bool) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let requests = requests.clone();
        async move {
            let (head, body) = request.into_parts();
            let is_tunnel = head.method == hyper::Method::CONNECT;
            if let Ok(body) = body.collect().await {
                let trailers = body.trailers().map(lines).unwrap_or_default();
                let content = body.to_bytes().to_vec();
                let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
                requests.push(understood(head, content, trailers));
            }
            let mut response = Response::new(Empty::<Bytes>::new());
            // A 200 would end HTTP on this connection.
            if is_tunnel {
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            }
            Ok::<_, Infallible>(response)
        }
    });
    let (client, _) = Client::new(pieces);
    let connection = http1::Builder::new()
        .half_close(true)
        .max_headers(256)
        .serve_connection(TokioIo::new(client), service);
    let is_sound = connection.await.is_ok();
    let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
    (std::mem::take(&mut requests), is_sound)
}

fn understood(
    head: hyper::http::request::Parts,
    content: Vec<u8>,
    trailers: Vec<(String, Vec<u8>)>,
) -> Request {
    let given = head.uri.authority().map(|authority| authority.to_string());
    let host = || {
        let host = head.headers.get(HOST)?;
        Some(String::from_utf8_lossy(host.as_bytes()).into_owned())
    };
    Request {
        method: head.method.to_string(),
        target: Target::Resource {
            authority: given.or_else(host),
            path: head.uri.path().into(),
            query: head.uri.query().map(str::to_owned),
        },
        version: u8::from(head.version != Version::HTTP_10),
        fields: lines(&head.headers),
        body: Some((content, trailers)),
    }
}

fn lines(fields: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let lines = fields
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    sorted(lines.collect())
}
