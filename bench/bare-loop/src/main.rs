//! The upper limit for the figures of `cargo xtask bench`: tokio and httparse alone, no sandbox and no checks.
//!
//! `bare-loop 127.0.0.1:8080` answers every request with the page and the head of examples/hello as belljar sends it,
//! byte for byte, and a POST with the request's own content. It keeps connections and takes pipelined requests, and does
//! nothing else that a server on a real network has to do.

use std::cell::RefCell;
use std::env;
use std::error::Error;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The server has one thread, because the benchmark measures one processor.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/", listener.local_addr()?);
    tokio::spawn(renew_date());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            // A client that goes away or sends nonsense ends its own connection.
            let _ = serve(stream).await;
        });
    }
}

async fn serve(mut stream: TcpStream) -> Result<()> {
    let mut input = Vec::with_capacity(16 << 10);
    let mut output = Vec::with_capacity(16 << 10);
    while stream.read_buf(&mut input).await? > 0 {
        let mut used = 0;
        let mut open = true;
        while open && let Some(request) = parse(&input[used..])? {
            respond(&request, &mut output);
            open = !request.close;
            used += request.length;
        }
        input.drain(..used);
        if !output.is_empty() {
            stream.write_all(&output).await?;
            output.clear();
        }
        if !open {
            break;
        }
    }
    Ok(())
}

struct Request<'a> {
    content: Option<&'a [u8]>,
    close: bool,
    /// Of head and content, in bytes.
    length: usize,
}

/// The first request in `input`, None while it is not complete.
fn parse(input: &[u8]) -> Result<Option<Request<'_>>> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(head) = request.parse(input)? else {
        return Ok(None);
    };
    let (mut content, mut close) = (0, false);
    for field in request.headers {
        if field.name.eq_ignore_ascii_case("content-length") {
            content = str::from_utf8(field.value)?.parse()?;
        } else if field.name.eq_ignore_ascii_case("connection") {
            close = field.value.eq_ignore_ascii_case(b"close");
        }
    }
    let length = head + content;
    Ok((input.len() >= length).then(|| Request {
        content: (content > 0).then(|| &input[head..length]),
        close,
        length,
    }))
}

fn respond(request: &Request, output: &mut Vec<u8>) {
    let (content_type, content) = match request.content {
        Some(content) => ("text/plain; charset=utf-8", content),
        None => ("text/html; charset=utf-8", PAGE.as_bytes()),
    };
    output.extend_from_slice(b"HTTP/1.1 200 OK\r\nServer: belljar\r\nDate: ");
    DATE.with_borrow(|date| output.extend_from_slice(date.as_bytes()));
    output.extend_from_slice(b"\r\nContent-Type: ");
    output.extend_from_slice(content_type.as_bytes());
    output.extend_from_slice(b"\r\nContent-Length: ");
    output.extend_from_slice(content.len().to_string().as_bytes());
    output.extend_from_slice(if request.close {
        b"\r\nConnection: close\r\n\r\n"
    } else {
        b"\r\n\r\n"
    });
    output.extend_from_slice(content);
}

async fn renew_date() {
    loop {
        DATE.set(httpdate::fmt_http_date(SystemTime::now()));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

thread_local! {
    static DATE: RefCell<String> = const { RefCell::new(String::new()) };
}

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Hello</title>
<h1>Hello from under the bell jar</h1>
<p>This page was made by a WebAssembly component that lived for this one request.</p>
</html>
";
