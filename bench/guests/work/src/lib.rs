//! Handlers for the benchmark, besides examples/hello: `/echo`, `/loop`, `/sleep` (5 seconds); other paths get a greeting.

use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

wit_bindgen::generate!({ path: "../../../wit", world: "handler", generate_all });

use belljar::handler::types::Body;

struct Work;

impl Guest for Work {
    fn handle(request: Request) -> Response {
        let content = match request.path.as_str() {
            "/echo" => read_all(request),
            "/loop" => loop {
                black_box(());
            },
            "/sleep" => {
                sleep(Duration::from_secs(5));
                b"slept\n".to_vec()
            }
            _ => b"hello\n".to_vec(),
        };
        Response {
            status: 200,
            headers: vec![("Content-Type".into(), b"text/plain; charset=utf-8".to_vec())],
            body: Body::Bytes(content),
        }
    }
}

export!(Work);

fn read_all(request: Request) -> Vec<u8> {
    let mut content = Vec::new();
    if let Some(stream) = request.body {
        while let Ok(bytes) = stream.blocking_read(64 * 1024) {
            content.extend_from_slice(&bytes);
        }
    }
    content
}
