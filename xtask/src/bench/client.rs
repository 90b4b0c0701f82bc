//! A client for single requests, which a load generator cannot send.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection that sends one request after the other.
pub struct Client(TcpStream);

impl Client {
    /// `patience` limits each wait for an answer.
    pub fn connect(port: u16, patience: Duration) -> Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Self(stream))
    }

    pub fn ask(&mut self, path: &str) -> Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.0.write_all(request.as_bytes())
    }

    /// Waits for a whole answer, which must be a success with a Content-Length.
    pub fn answer(&mut self) -> Result<()> {
        let mut answer = Vec::new();
        let mut piece = [0; 16 << 10];
        loop {
            match self.0.read(&mut piece)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                read => answer.extend_from_slice(&piece[..read]),
            }
            match length(&answer)? {
                Some(length) if answer.len() >= length => return Ok(()),
                _ => {}
            }
        }
    }

    pub fn get(&mut self, path: &str) -> Result<()> {
        self.ask(path)?;
        self.answer()
    }
}

/// The length of the first answer in bytes, head and body. `None` while its head is incomplete.
fn length(answer: &[u8]) -> Result<Option<usize>> {
    let text = String::from_utf8_lossy(answer);
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return Ok(None);
    };
    if !head.starts_with("HTTP/1.1 200") {
        return Err(Error::other(format!("the answer is not a success: {head}")));
    }
    let body = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let body = body.ok_or_else(|| Error::other("the answer has no Content-Length"))?;
    Ok(Some(head.len() + 4 + body))
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn finds_the_length_of_an_answer() {
        assert_eq!(
            length(b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\n\r\nab").unwrap(),
            Some(43)
        );
        assert_eq!(
            length(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n").unwrap(),
            None
        );
        assert!(length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(length(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n").is_err());
    }
}
