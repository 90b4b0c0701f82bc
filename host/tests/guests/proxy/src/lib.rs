//! A test handler for wasi:http 0.2. The path chooses its behaviour. `test-service` does the same with 0.3.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingRequest,
    OutgoingResponse, ResponseOutparam, Scheme,
};
use wasip2::io::streams::{InputStream, OutputStream};

struct Handler;

wasip2::http::proxy::export!(Handler);

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let number = |name| number(query, name);
        match path {
            "/hello" => whole(out, 200, &[], b"hello\n"),
            "/count" => {
                let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
                whole(out, 200, &[], count.to_string().as_bytes());
            }
            "/head" => whole(out, 200, &[], describe(&request).as_bytes()),
            "/status" => {
                let body = vec![b'x'; number("body") as usize];
                whole(out, number("code") as u16, &[], &body);
            }
            "/fields" => {
                let fields = [
                    ("x-one", "1"),
                    ("x-two", "2"),
                    ("x-one", "3"),
                    ("date", "never"),
                    ("server", "me"),
                    ("te", "x"),
                    ("trailer", "x"),
                ];
                whole(out, 200, &fields, b"fields\n");
            }
            "/empty" => ResponseOutparam::set(out, Ok(response(200, &[]))),
            "/length" => {
                let length = number("declared").to_string();
                let mut body = begin(out, 200, &[("content-length", &length)]);
                pause(number("pause"));
                body.write(&vec![b'x'; number("written") as usize]);
                pause(number("pause"));
                body.finish(None);
            }
            "/echo" => {
                let reader = Reader::of(&request);
                let mut body = begin(out, 200, &[]);
                while let Some(bytes) = reader.read() {
                    body.write(&bytes);
                }
                body.finish(reader.trailers().as_deref());
            }
            // One event for each piece of the request's body, sent when the piece has arrived.
            "/events" => {
                let reader = Reader::of(&request);
                let mut body = begin(out, 200, &[("content-type", "text/event-stream")]);
                body.write(b"data: ready\n\n");
                while let Some(bytes) = reader.read() {
                    body.write(format!("data: {}\n\n", bytes.len()).as_bytes());
                }
                body.finish(None);
            }
            "/big" => {
                let mut body = begin(out, 200, &[]);
                let piece = [b'x'; 10_000];
                for _ in 0..number("n") / 10_000 {
                    body.write(&piece);
                }
                body.finish(None);
            }
            // Computes between head and body, without a host call to wait for.
            "/late" => {
                let mut body = begin(out, 200, &[]);
                for turn in 0..number("turns") {
                    black_box(turn);
                }
                body.write(b"late\n");
                body.finish(None);
            }
            "/trailers" => {
                let mut body = begin(out, 200, &[]);
                body.write(b"content");
                pause(number("pause"));
                body.finish(Some(&[
                    ("x-checksum".into(), b"7".to_vec()),
                    ("content-length".into(), b"1".to_vec()),
                    ("set-cookie".into(), b"a=b".to_vec()),
                ]));
            }
            "/trap" => trap(),
            "/trap-after-head" => {
                let mut body = begin(out, 200, &[]);
                body.write(b"some");
                pause(number("pause"));
                trap();
            }
            "/panic-at-reading" => {
                let reader = Reader::of(&request);
                let mut body = begin(out, 200, &[]);
                body.write(&reader.read().unwrap_or_default());
                panic!("this is enough");
            }
            "/no-response" => drop(out),
            "/error-code" => ResponseOutparam::set(out, Err(ErrorCode::LoopDetected)),
            "/unfinished" => {
                let mut body = begin(out, 200, &[]);
                body.write(b"some");
                pause(number("pause"));
            }
            "/forgotten" => {
                let mut body = begin(out, 200, &[]);
                body.write(b"some");
                pause(number("pause"));
                std::mem::forget(body);
            }
            "/loop" => endless(),
            "/loop-after-head" => {
                let mut body = begin(out, 200, &[]);
                body.write(b"some");
                endless();
            }
            "/wait" => pause(FOR_EVER),
            "/wait-after-head" => {
                let mut body = begin(out, 200, &[]);
                body.write(b"some");
                pause(FOR_EVER);
            }
            "/after" => {
                let mut body = begin(out, 200, &[]);
                body.write(b"done");
                body.finish(None);
                pause(number("pause"));
                println!("after the response");
            }
            "/print" => {
                println!("to the output");
                eprintln!("to the errors");
                whole(
                    out,
                    200,
                    &[],
                    std::env::var("GREETING").unwrap_or_default().as_bytes(),
                );
            }
            "/file" => {
                let file = std::fs::read("/page.txt");
                whole(
                    out,
                    200,
                    &[],
                    &file.unwrap_or_else(|error| error.to_string().into()),
                );
            }
            "/outbound" => whole(out, 200, &[], outbound().as_bytes()),
            "/socket" => {
                let outcome = std::net::TcpStream::connect("127.0.0.1:9").map(|_| ());
                whole(out, 200, &[], format!("{outcome:?}").as_bytes());
            }
            _ => whole(out, 404, &[], b""),
        }
    }
}

fn number(query: &str, name: &str) -> u64 {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.find(|(key, _)| *key == name).map(|(_, value)| value);
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn describe(request: &IncomingRequest) -> String {
    let mut text = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n",
        request.method(),
        request.scheme(),
        request.authority(),
        request.path_with_query()
    );
    for (name, value) in request.headers().entries() {
        text.push_str(&format!("{name}: {}\n", value.escape_ascii()));
    }
    text
}

fn outbound() -> String {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some("127.0.0.1:9")).unwrap();
    request.set_path_with_query(Some("/")).unwrap();
    match outgoing_handler::handle(request, None) {
        Err(code) => format!("{code:?}"),
        Ok(response) => {
            response.subscribe().block();
            format!(
                "{:?}",
                response
                    .get()
                    .map(|got| got.map(|got| got.map(|got| got.status())))
            )
        }
    }
}

fn response(status: u16, fields: &[(&str, &str)]) -> OutgoingResponse {
    let list: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    let response = OutgoingResponse::new(Fields::from_list(&list).unwrap());
    response.set_status_code(status).unwrap();
    response
}

fn whole(out: ResponseOutparam, status: u16, fields: &[(&str, &str)], content: &[u8]) {
    let mut body = begin(out, status, fields);
    body.write(content);
    body.finish(None);
}

fn begin(out: ResponseOutparam, status: u16, fields: &[(&str, &str)]) -> Writer {
    let response = response(status, fields);
    let body = response.body().unwrap();
    let stream = body.write().unwrap();
    ResponseOutparam::set(out, Ok(response));
    Writer { stream, body }
}

struct Writer {
    // Must be dropped before its body.
    stream: OutputStream,
    body: OutgoingBody,
}

impl Writer {
    /// Writes as much at a time as the host accepts, until the host accepts no more.
    fn write(&mut self, mut content: &[u8]) {
        while !content.is_empty() {
            let Ok(room) = self.stream.check_write() else {
                return;
            };
            if room == 0 {
                self.stream.subscribe().block();
                continue;
            }
            let (now, later) = content.split_at(content.len().min(room as usize));
            if self.stream.write(now).is_err() {
                return;
            }
            content = later;
        }
    }

    fn finish(self, trailers: Option<&[(String, Vec<u8>)]>) {
        drop(self.stream);
        let trailers = trailers.map(|list| Fields::from_list(list).unwrap());
        let _ = OutgoingBody::finish(self.body, trailers);
    }
}

struct Reader {
    // Must be dropped before its body.
    stream: InputStream,
    body: IncomingBody,
}

impl Reader {
    fn of(request: &IncomingRequest) -> Self {
        let body = request.consume().unwrap();
        let stream = body.stream().unwrap();
        Self { stream, body }
    }

    /// Returns the bytes that have arrived; None at the end or after an error.
    fn read(&self) -> Option<Vec<u8>> {
        self.stream.blocking_read(64 * 1024).ok()
    }

    fn trailers(self) -> Option<Vec<(String, Vec<u8>)>> {
        drop(self.stream);
        let trailers = IncomingBody::finish(self.body);
        trailers.subscribe().block();
        let trailers = trailers.get()?.ok()?.ok()??;
        Some(trailers.entries())
    }
}

fn pause(milliseconds: u64) {
    if milliseconds > 0 {
        sleep(Duration::from_millis(milliseconds));
    }
}

fn endless() -> ! {
    loop {
        black_box(());
    }
}

fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

/// In milliseconds.
const FOR_EVER: u64 = 1 << 40;
