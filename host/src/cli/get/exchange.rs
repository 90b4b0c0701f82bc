//! One GET request over a connection of its own, and its response.

use std::future::Future;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::ext::ReasonPhrase;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::destination::Destination;

/// Sends the request, and writes the response to `out` as it arrives. Returns its status.
///
/// # Errors
///
/// Fails if there is no connection, if the response is invalid or incomplete, and if the server is silent for `limit`.
pub async fn exchange(
    destination: &Destination,
    limit: Duration,
    out: &mut impl Write,
) -> anyhow::Result<u16> {
    let stream = connect(destination, limit)
        .await
        .context("cannot connect")?;
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(MAX_FIELDS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_HEAD)
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .context("cannot send the request")?;
    // An error of the connection also reaches the response, which reports it.
    tokio::spawn(connection);

    let mut request = request(destination)?;
    let too_many_interim = limit_interim_responses(&mut request);
    let response = tokio::select! {
        response = within(limit, sender.send_request(request)) => response
            .context("no valid response head")?
            .map_err(explain_head)?,
        () = too_many_interim.notified() => {
            bail!("more than {MAX_INTERIM} interim responses, and no final response")
        }
    };
    ensure!(
        response.status() != StatusCode::SWITCHING_PROTOCOLS,
        "the server switched to another protocol, which the request did not ask for"
    );
    check_framing(&response)?;

    write_head(&response, out)?;
    let status = response.status().as_u16();
    let mut body = response.into_body();
    while let Some(frame) = within(limit, body.frame())
        .await
        .context("the response body is incomplete")?
    {
        let frame = frame.context("the response body is malformed or incomplete")?;
        if let Some(data) = frame.data_ref() {
            out.write_all(data)?;
        }
    }
    out.flush()?;
    Ok(status)
}

/// Tries the addresses of the host one after the other.
async fn connect(destination: &Destination, limit: Duration) -> anyhow::Result<TcpStream> {
    let addresses = within(
        limit,
        lookup_host((destination.host.as_str(), destination.port)),
    );
    let mut outcome = Err(anyhow!("the host has no address"));
    for address in addresses.await?? {
        outcome = match within(limit, TcpStream::connect(address)).await {
            Ok(connected) => connected.map_err(anyhow::Error::from),
            Err(elapsed) => Err(elapsed),
        };
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn request(destination: &Destination) -> anyhow::Result<Request<Empty<Bytes>>> {
    Request::get(destination.target.clone())
        .header("Host", destination.authority())
        .header("User-Agent", concat!("belljar/", env!("CARGO_PKG_VERSION")))
        .header("Accept", "*/*")
        .header("Connection", "close")
        .body(Empty::new())
        .context("cannot make the request")
}

/// Notifies when the server has sent too many interim responses (RFC 9110, section 15.2), which hyper skips.
fn limit_interim_responses<B>(request: &mut Request<B>) -> Arc<Notify> {
    let too_many = Arc::new(Notify::new());
    let (notice, count) = (too_many.clone(), AtomicUsize::new(0));
    hyper::ext::on_informational(request, move |_| {
        if count.fetch_add(1, Ordering::Relaxed) == MAX_INTERIM {
            notice.notify_one();
        }
    });
    too_many
}

/// Rejects a head that leaves the end of the body open to interpretation (RFC 9112, section 6.3). hyper accepts it.
fn check_framing(response: &Response<Incoming>) -> anyhow::Result<()> {
    if matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        return Ok(());
    }
    let codings: Vec<_> = response
        .headers()
        .get_all(TRANSFER_ENCODING)
        .iter()
        .collect();
    let lengths = response.headers().get_all(CONTENT_LENGTH).iter().count();
    ensure!(
        lengths <= 1,
        "the response has more than one Content-Length"
    );
    if let Some(coding) = codings.first() {
        ensure!(
            codings.len() == 1 && coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
            "the response has a Transfer-Encoding other than chunked, which is not supported"
        );
        ensure!(
            lengths == 0,
            "the response has both Content-Length and Transfer-Encoding"
        );
    }
    Ok(())
}

fn write_head(response: &Response<Incoming>, out: &mut impl Write) -> std::io::Result<()> {
    let status = response.status();
    let reason = match response.extensions().get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes(),
        None => status.canonical_reason().unwrap_or_default().as_bytes(),
    };
    write!(out, "{:?} {} ", response.version(), status.as_str())?;
    out.write_all(reason)?;
    out.write_all(b"\r\n")?;
    for (name, value) in response.headers() {
        write!(out, "{name}: ")?;
        out.write_all(value.as_bytes())?;
        out.write_all(b"\r\n")?;
    }
    out.write_all(b"\r\n")
}

fn explain_head(error: hyper::Error) -> anyhow::Error {
    if error.is_parse_too_large() {
        return anyhow!(
            "the response head is larger than {} KiB or has more than {MAX_FIELDS} fields",
            MAX_HEAD >> 10
        );
    }
    let problem = if error.is_parse() {
        "the response is not valid HTTP/1.1"
    } else if error.is_canceled() {
        // Servers of other protocols, such as SSH, send first.
        "the connection failed before the request was sent"
    } else {
        "no complete response head"
    };
    anyhow::Error::new(error).context(problem)
}

async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> anyhow::Result<T> {
    let outcome = timeout(limit, future).await;
    outcome.map_err(|_| anyhow!("timed out after {limit:?}; raise --timeout to wait longer"))
}

/// Interim responses that are skipped.
const MAX_INTERIM: usize = 100;

/// Maximum size of a response head, in bytes.
const MAX_HEAD: usize = 256 << 10;

/// Maximum number of field lines in a response head.
const MAX_FIELDS: usize = 256;
