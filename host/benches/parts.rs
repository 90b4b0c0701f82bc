//! The cost of the parts of a request: `cargo bench --bench parts`, after `cargo xtask handlers`.
//!
//! `whole` runs all parts in the order of the server, without sockets. A server adds system calls to that.

mod support;

use belljar_http::{Body, Request, Response};
use belljar_sandbox::Answer;
use divan::Bencher;
use support::{Bench, SHORT, hello, whole};

fn main() {
    divan::main();
}

/// The component that answers.
#[derive(Debug, Clone, Copy)]
enum Guest {
    /// The example hello, which returns a page.
    Hello,
    /// The default guest, which returns a file of 1,000 bytes.
    Files,
}

impl Guest {
    fn component(self) -> Vec<u8> {
        match self {
            Self::Hello => hello(),
            Self::Files => include_bytes!("../../guest/default/guest.wasm").to_vec(),
        }
    }
}

/// Parses and checks a head with one field, and with ten.
#[divan::bench(args = [1, 10])]
fn parse(bencher: Bencher, fields: usize) {
    let bench = Bench::new(&hello(), 1, 1);
    let bytes = if fields == 1 { SHORT } else { BROWSER };
    bencher
        .with_inputs(|| bench.connection(bytes))
        .bench_local_refs(|connection| bench.runtime.block_on(connection.next_request()));
}

/// Serializes a response.
#[divan::bench]
fn serialize(bencher: Bencher) {
    let bench = Bench::new(&hello(), 1, 1);
    bencher
        .with_inputs(|| {
            let mut connection = bench.connection(SHORT);
            let _ = bench.runtime.block_on(connection.next_request());
            let fields = vec![(
                "Content-Type".to_owned(),
                b"text/html; charset=utf-8".to_vec(),
            )];
            let body = Body::Bytes(vec![b'x'; 1_000].into());
            (
                connection,
                Response::new(200, fields, body).expect("a response"),
            )
        })
        .bench_local_values(|(mut connection, response)| {
            let _ = bench.runtime.block_on(connection.respond(response));
            connection
        });
}

/// Creates an instance and calls it. One at a time, so that each takes the place in the pool that the last one left.
#[divan::bench(args = [Guest::Hello, Guest::Files], sample_count = 20_000, sample_size = 1)]
fn instantiate_and_call(bencher: Bencher, guest: Guest) {
    let bench = Bench::new(&guest.component(), 10, 1);
    bencher
        .with_inputs(|| request(&bench))
        .bench_local_values(|request| call(&bench, request));
}

/// Calls an instance from the idle pool.
#[divan::bench(args = [Guest::Hello, Guest::Files], sample_count = 20_000, sample_size = 1)]
fn call_kept(bencher: Bencher, guest: Guest) {
    let bench = Bench::new(&guest.component(), 10, u32::MAX);
    bencher
        .with_inputs(|| request(&bench))
        .bench_local_values(|request| call(&bench, request));
}

#[divan::bench(args = [Guest::Hello, Guest::Files], sample_count = 20_000, sample_size = 1)]
fn tear_down(bencher: Bencher, guest: Guest) {
    let bench = Bench::new(&guest.component(), 10, 1);
    bencher
        .with_inputs(|| call(&bench, request(&bench)))
        .bench_local_values(drop);
}

/// A whole request with a fresh instance.
#[divan::bench(args = [Guest::Hello, Guest::Files], sample_count = 1_000, sample_size = 10)]
fn whole_fresh(bencher: Bencher, guest: Guest) {
    let bench = Bench::new(&guest.component(), 10, 1);
    let mut connection = bench.connection(SHORT);
    bencher.bench_local(|| bench.runtime.block_on(whole(&bench, &mut connection)));
}

/// A whole request with an instance from the idle pool.
#[divan::bench(args = [Guest::Hello, Guest::Files], sample_count = 1_000, sample_size = 10)]
fn whole_kept(bencher: Bencher, guest: Guest) {
    let bench = Bench::new(&guest.component(), 10, u32::MAX);
    let mut connection = bench.connection(SHORT);
    bencher.bench_local(|| bench.runtime.block_on(whole(&bench, &mut connection)));
}

fn request(bench: &Bench) -> Request {
    let mut connection = bench.connection(SHORT);
    let request = bench.runtime.block_on(connection.next_request());
    request.expect("it is well-formed").expect("there is one")
}

fn call(bench: &Bench, request: Request) -> Answer {
    let call = bench.handler.call(request, bench.client.clone());
    bench.runtime.block_on(call).expect("the handler answers")
}

/// A request of a browser.
const BROWSER: &[u8] = b"GET /page.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nCache-Control: no-cache\r\n\
    Referer: http://www.example.org/from/some/page?with=a&query=1\r\nSec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nUpgrade-Insecure-Requests: 1\r\n\r\n";
