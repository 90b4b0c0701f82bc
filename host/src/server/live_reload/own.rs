//! The responses to the requests of the script in a page.

use std::time::Duration;

use belljar_http::{Body, Frame, Request, Response};
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::state::State;

pub(super) fn response(
    state: &watch::Sender<State>,
    request: &Request,
    stop: &CancellationToken,
) -> Option<Response> {
    let head = &request.head;
    let path = head.path();
    if path != SCRIPT_PATH && path != EVENTS_PATH {
        return None;
    }
    // The messages of a compiler are for pages of this server only.
    let site = head.field("sec-fetch-site");
    if head.method() != "GET" || site.is_some_and(|site| site != b"same-origin") {
        return Some(Response::error(403));
    }
    let (kind, body) = match path {
        SCRIPT_PATH => (
            "text/javascript; charset=utf-8",
            Body::Bytes(SCRIPT.as_bytes().into()),
        ),
        _ => ("text/event-stream", events(state.subscribe(), stop.clone())),
    };
    let fields = [
        ("Content-Type", kind),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.into()));
    let response = Response::new(200, fields.into(), body);
    Some(response.unwrap_or_else(|_| Response::error(500)))
}

/// A stream of events (HTML standard, section 9.2): the state now, and then each new one.
fn events(mut state: watch::Receiver<State>, stop: CancellationToken) -> Body {
    let (sender, frames) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let event = state.borrow_and_update().event();
            let text = format!("retry: {RETRY}\ndata: {event}\n\n");
            if sender.send(Frame::Data(text.into())).await.is_err() {
                return;
            }
            loop {
                tokio::select! {
                    changed = state.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    () = tokio::time::sleep(SILENCE) => {
                        if sender.send(Frame::Data(":\n\n".into())).await.is_err() {
                            return;
                        }
                    }
                    () = sender.closed() => return,
                    // The server does not wait for pages that are open.
                    () = stop.cancelled() => {
                        let _ = sender.send(Frame::End).await;
                        return;
                    }
                }
            }
        }
    });
    Body::Stream {
        frames,
        length: None,
    }
}

const SCRIPT: &str = include_str!("script.js");

pub(super) const SCRIPT_PATH: &str = "/.belljar/reload.js";

const EVENTS_PATH: &str = "/.belljar/events";

/// Milliseconds after which the browser connects again.
const RETRY: u32 = 500;

/// The time after which a comment is sent, so that nothing between browser and server cuts the connection.
const SILENCE: Duration = Duration::from_secs(10);
