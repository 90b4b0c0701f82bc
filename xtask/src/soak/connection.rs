//! Connections of the clients of a soak, and requests on them.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub fn ask(connection: &mut Option<TcpStream>, port: u16, host: &str, path: &str) -> Result<()> {
    if connection.is_none() {
        *connection = Some(connect(port)?);
    }
    let Some(stream) = connection else {
        return Err(ErrorKind::NotConnected.into());
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    read_answer(stream)
}

/// Sends one request on a new connection.
pub fn get(port: u16, host: &str, path: &str) -> Result<()> {
    ask(&mut None, port, host, path)
}

pub fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads a whole answer that is a success or a redirect, and has a Content-Length.
fn read_answer(stream: &mut TcpStream) -> Result<()> {
    let mut answer = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        match stream.read(&mut piece)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&piece[..read]),
        }
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        if !head.starts_with("http/1.1 2") && !head.starts_with("http/1.1 3") {
            return Err(Error::other(head));
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length = length.and_then(|length| length.trim().parse::<usize>().ok());
        if answer.len() >= end + 4 + length.unwrap_or(0) {
            return Ok(());
        }
    }
}

/// The longest that a friendly client waits.
const PATIENCE: Duration = Duration::from_secs(10);
