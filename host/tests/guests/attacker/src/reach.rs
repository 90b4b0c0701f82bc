//! Attempts to reach addresses that were not granted.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use crate::query::Query;
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::{Fields, IncomingResponse, OutgoingBody, OutgoingRequest, Scheme};
use crate::{Response, line, no_such_attack, text};

pub fn run(attack: &str, query: &Query) -> Response {
    let to = query.text("to");
    match attack {
        // Follows redirects, as a client would that trusts the servers it was granted.
        "fetch" => {
            let mut url = to.to_owned();
            for _ in 0..5 {
                match fetch(&url) {
                    Err(error) => return text(format!("{error} {url}\n")),
                    Ok(response) => match location(&response) {
                        Some(next) => url = next,
                        None => return text(format!("{} {url}\n", response.status())),
                    },
                }
            }
            text("too many redirects\n")
        }
        "sockets" => text(
            [
                line("connect", TcpStream::connect(to)),
                line("listen", TcpListener::bind("127.0.0.1:0")),
                line("listen everywhere", TcpListener::bind("0.0.0.0:0")),
                line(
                    "send",
                    UdpSocket::bind("0.0.0.0:0").and_then(|udp| udp.send_to(b"x", to)),
                ),
                line("receive", UdpSocket::bind("127.0.0.1:5353")),
                line("resolve", "localhost:80".to_socket_addrs()),
                line(
                    "resolve metadata",
                    "metadata.google.internal:80".to_socket_addrs(),
                ),
            ]
            .concat(),
        ),
        _ => no_such_attack(),
    }
}

fn fetch(url: &str) -> Result<IncomingResponse, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no URL")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.into()),
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let request = OutgoingRequest::new(Fields::new());
    let set = |set: Result<(), ()>, what: &str| set.map_err(|()| format!("invalid {what}"));
    set(request.set_scheme(Some(&scheme)), "scheme")?;
    set(request.set_authority(Some(authority)), "authority")?;
    set(request.set_path_with_query(Some(path)), "path")?;
    let body = request.body().map_err(|()| "no body")?;
    let response = outgoing_handler::handle(request, None).map_err(|code| format!("{code:?}"))?;
    OutgoingBody::finish(body, None).map_err(|code| format!("{code:?}"))?;
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(format!("{code:?}")),
        _ => Err("no response".into()),
    }
}

fn location(response: &IncomingResponse) -> Option<String> {
    let values = response.headers().get("location");
    let value = values.into_iter().next()?;
    String::from_utf8(value).ok()
}
