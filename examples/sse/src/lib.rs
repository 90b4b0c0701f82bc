//! Server-sent events with wasi:http 0.3: a page, and the stream of events that it shows.
//!
//! The HTML standard, section "Server-sent events", defines the format. A browser that loses the connection reconnects with
//! the id of the last event that it received (`Last-Event-ID`), and the stream continues after that event.

use wasip3::clocks::{monotonic_clock, system_clock};
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_bindgen::StreamWriter;
use wasip3::{spawn_local, wit_future, wit_stream};

struct Sse;

wasip3::http::service::export!(Sse);

impl Guest for Sse {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/" => text(200, "text/html; charset=utf-8", PAGE),
            "/events" => {
                let last = request.get_headers().get("last-event-id");
                let last = last
                    .first()
                    .and_then(|id| str::from_utf8(id).ok()?.parse().ok());
                let events = Events {
                    next: last.map_or(1, |last: u64| last.saturating_add(1)),
                    last: parameter(query, "last").unwrap_or(u64::MAX),
                    pause: parameter(query, "ms").unwrap_or(1000),
                };
                answer(200, "text/event-stream", async |body| {
                    events.send(body).await
                })
            }
            _ => text(404, "text/plain; charset=utf-8", "There is no such page.\n"),
        }
    }
}

/// A stream of events, one after each pause.
struct Events {
    /// The number of the next event.
    next: u64,
    /// The number of the last event.
    last: u64,
    /// In milliseconds.
    pause: u64,
}

impl Events {
    async fn send(self, mut body: StreamWriter<u8>) {
        // How long a browser waits before it reconnects, in milliseconds.
        let mut text = "retry: 1000\n\n".to_owned();
        for number in self.next..=self.last {
            if !body.write_all(text.into_bytes()).await.is_empty() {
                // The client has disconnected.
                return;
            }
            monotonic_clock::wait_for(self.pause.saturating_mul(1_000_000)).await;
            let seconds = system_clock::now().seconds;
            text =
                format!("id: {number}\ndata: {{\"number\": {number}, \"seconds\": {seconds}}}\n\n");
        }
        body.write_all(text.into_bytes()).await;
    }
}

fn text(status: u16, media_type: &str, text: &'static str) -> Result<Response, ErrorCode> {
    answer(status, media_type, async move |mut body| {
        body.write_all(text.into()).await;
    })
}

/// Creates a response. `content` writes its body while the server sends it.
fn answer(
    status: u16,
    media_type: &str,
    content: impl AsyncFnOnce(StreamWriter<u8>) + 'static,
) -> Result<Response, ErrorCode> {
    let fields = [
        ("content-type".to_owned(), media_type.as_bytes().to_vec()),
        // Neither the events nor their page may be cached.
        ("cache-control".to_owned(), b"no-store".to_vec()),
    ];
    let fields = Fields::from_list(&fields)
        .map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    let (writer, body) = wit_stream::new();
    // No trailers.
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _transmitted) = Response::new(fields, Some(body), trailers);
    // This fails only for invalid statuses, and all of these are valid.
    let _ = response.set_status_code(status);
    spawn_local(async move { content(writer).await });
    Ok(response)
}

/// The value of a numeric parameter of the query.
fn parameter(query: &str, name: &str) -> Option<u64> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name)?.1.parse().ok()
}

const PAGE: &str = include_str!("page.html");
