//! The same as bench/guests/work, as a wasi:http component.

use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::OutputStream;

struct Work;

impl Guest for Work {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let content = match path.as_str() {
            "/echo" => read_all(&request),
            "/loop" => loop {
                black_box(());
            },
            "/sleep" => {
                sleep(Duration::from_secs(5));
                b"slept\n".to_vec()
            }
            _ => b"hello\n".to_vec(),
        };
        let fields = Fields::from_list(&[
            ("content-type".into(), b"text/plain; charset=utf-8".to_vec()),
            (
                "content-length".into(),
                content.len().to_string().into_bytes(),
            ),
        ])
        .unwrap();
        let response = OutgoingResponse::new(fields);
        let body = response.body().unwrap();
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().unwrap();
        write_all(&stream, &content);
        drop(stream);
        OutgoingBody::finish(body, None).unwrap();
    }
}

wasip2::http::proxy::export!(Work);

fn read_all(request: &IncomingRequest) -> Vec<u8> {
    let body = request.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut content = Vec::new();
    while let Ok(bytes) = stream.blocking_read(64 * 1024) {
        content.extend_from_slice(&bytes);
    }
    content
}

/// Writes as much at a time as the host accepts, and waits once at the end.
fn write_all(stream: &OutputStream, mut content: &[u8]) {
    let ready = stream.subscribe();
    while !content.is_empty() {
        let Ok(room) = stream.check_write() else {
            return;
        };
        if room == 0 {
            ready.block();
            continue;
        }
        let (now, later) = content.split_at(content.len().min(room as usize));
        if stream.write(now).is_err() {
            return;
        }
        content = later;
    }
    let _ = stream.blocking_flush();
}
