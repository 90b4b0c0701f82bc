//! The attacks of a soak. Each takes a few seconds.

use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use super::connection::connect;

/// The attacks of clients.
pub const CLIENTS: [fn(u16) -> Result<()>; 12] = [
    slow_head,
    slow_body,
    unread_response,
    slow_reader,
    unread_pipeline,
    half_open,
    resets,
    noise,
    exploding_head,
    exploding_chunks,
    many_connections,
    events_left_open,
];

/// A head that never ends, byte by byte.
fn slow_head(port: u16) -> Result<()> {
    let mut stream = connect(port)?;
    trickle(
        &mut stream,
        b"GET / HTTP/1.1\r\nHost: h\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
    )
}

fn slow_body(port: u16) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: hostile\r\nContent-Length: 100000\r\n\r\n")?;
    trickle(&mut stream, &[b'x'; 60])
}

/// The client asks for much and reads nothing.
fn unread_response(port: u16) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(b"GET /big-body?n=20000000 HTTP/1.1\r\nHost: hostile\r\n\r\n")?;
    sleep(Duration::from_secs(4));
    Ok(())
}

fn slow_reader(port: u16) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(b"GET /big-body?n=20000000 HTTP/1.1\r\nHost: hostile\r\n\r\n")?;
    for _ in 0..40 {
        stream.read_exact(&mut [0; 100])?;
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn unread_pipeline(port: u16) -> Result<()> {
    let mut stream = connect(port)?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    let requests = b"GET /jars.jpg HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1000);
    for _ in 0..20 {
        stream.write_all(&requests)?;
    }
    Ok(())
}

/// The client closes its side in the middle of a request.
fn half_open(port: u16) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: hostile\r\nContent-Length: 9\r\n\r\nab")?;
    stream.shutdown(Shutdown::Write)?;
    drain(stream)
}

/// A socket that is closed with unread bytes sends a reset.
fn resets(port: u16) -> Result<()> {
    for (host, path) in [
        ("localhost", "/jars.jpg"),
        ("localhost", "/hello"),
        ("hostile", "/sleep?ms=1000"),
        ("events", "/events"),
    ] {
        for _ in 0..25 {
            let mut stream = connect(port)?;
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
            let _ = stream.peek(&mut [0; 1]);
        }
    }
    Ok(())
}

fn noise(port: u16) -> Result<()> {
    let mut seed = u64::from(port);
    for _ in 0..50 {
        let mut stream = connect(port)?;
        let bytes: Vec<u8> = (0..500)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            })
            .collect();
        stream.write_all(&bytes)?;
        drain(stream)?;
    }
    Ok(())
}

fn exploding_head(port: u16) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n")?;
    loop {
        stream.write_all(&b"a: b\r\n".repeat(1000))?;
    }
}

fn exploding_chunks(port: u16) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(
        b"POST /ignore-body HTTP/1.1\r\nHost: hostile\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    for _ in 0..200 {
        stream.write_all(&b"1;aaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(1000))?;
    }
    Ok(())
}

fn many_connections(port: u16) -> Result<()> {
    let streams: Vec<_> = (0..300).map_while(|_| connect(port).ok()).collect();
    sleep(Duration::from_secs(2));
    drop(streams);
    Ok(())
}

fn events_left_open(port: u16) -> Result<()> {
    let streams: Vec<_> = (0..10)
        .map_while(|_| {
            let mut stream = connect(port).ok()?;
            stream
                .write_all(b"GET /events?ms=50 HTTP/1.1\r\nHost: events\r\n\r\n")
                .ok()?;
            Some(stream)
        })
        .collect();
    sleep(Duration::from_secs(3));
    drop(streams);
    Ok(())
}

/// Asks examples/untrusted for one of its attacks.
pub fn ask_handler(port: u16, turn: usize) -> Result<()> {
    let attack = HANDLERS.iter().cycle().nth(turn % HANDLERS.len());
    let attack = attack.copied().unwrap_or_default();
    let mut stream = connect(port)?;
    let request = format!("GET /{attack} HTTP/1.1\r\nHost: hostile\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    drain(stream)
}

fn trickle(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte])?;
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Reads until the server closes the connection, or cuts it.
fn drain(mut stream: TcpStream) -> Result<()> {
    let mut piece = [0; 16 << 10];
    while matches!(stream.read(&mut piece), Ok(1..)) {}
    Ok(())
}

/// Handlers that use all they can get, fail, or answer what cannot be sent.
const HANDLERS: [&str; 32] = [
    "loop",
    "trap",
    "memory",
    "panic",
    "memory-trap",
    "long-panic",
    "memory-report",
    "exit?code=1",
    "recursion",
    "no-body-status",
    "flood-stdout",
    "content-length-lie",
    "open-many",
    "crlf",
    "spawn-many-pollables",
    "bad-name",
    "print-lines?n=2000",
    "framing",
    "busy-poll",
    "many-headers",
    "naps",
    "big-headers",
    "tiny-calls",
    "past-the-end",
    "poll-list",
    "directory-handle",
    "random-bytes",
    "write",
    "huge-reads",
    "escape",
    "list-folder?n=100",
    "trap-mid-body",
];
