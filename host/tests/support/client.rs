//! A client on a bare socket that reads HTTP/1.1 answers strictly.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::shown;

/// The time after which a test gives up waiting. It guards against hanging and makes no demand on speed.
/// It is shorter than the server's idle timeout, which would end a connection that the server has forgotten.
pub const WAIT_LIMIT: Duration = Duration::from_secs(45);

/// The reason why there is no complete answer.
#[derive(Debug, PartialEq)]
pub enum Broken {
    /// The connection ended before the first byte of an answer.
    Closed,
    /// The connection ended in the middle of an answer.
    CutShort {
        head: String,
        body_bytes: u64,
    },
    TimedOut,
    /// HTTP/1.1 forbids the answer.
    Malformed(String),
}

pub struct Client {
    stream: TcpStream,
    /// Bytes that were read and do not belong to an answer yet.
    buffer: Vec<u8>,
    peer_ended: bool,
}

#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// The fields in their order, with names as sent.
    pub fields: Vec<(String, String)>,
    /// The head, including the empty line at its end.
    pub head: String,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect_timeout(&address, WAIT_LIMIT).expect("the server accepts");
        Client::over(stream)
    }

    /// Connects from another address of this machine: on Linux it has all of 127.0.0.0/8.
    #[cfg(target_os = "linux")]
    pub fn connect_from(source: [u8; 4], address: SocketAddr) -> Client {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let source = SocketAddr::from((source, 0));
        socket
            .bind(&source.into())
            .expect("an address of this machine");
        let connected = socket.connect_timeout(&address.into(), WAIT_LIMIT);
        connected.expect("the server accepts");
        Client::over(socket.into())
    }

    fn over(stream: TcpStream) -> Client {
        stream
            .set_read_timeout(Some(WAIT_LIMIT))
            .expect("the socket takes a timeout");
        stream
            .set_write_timeout(Some(WAIT_LIMIT))
            .expect("the socket takes a timeout");
        stream
            .set_nodelay(true)
            .expect("the socket takes an option");
        Client {
            stream,
            buffer: Vec::new(),
            peer_ended: false,
        }
    }

    /// Sends as much as the server takes. A server that has already answered and closed is noticed when reading.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.try_send(bytes);
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends each byte in a packet of its own.
    pub fn send_bytewise(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.try_send([*byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_micros(50));
        }
    }

    /// Ends the sending direction of the connection.
    pub fn finish_sending(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The same connection, for another thread.
    pub fn stream(&self) -> TcpStream {
        self.stream.try_clone().expect("the socket can be shared")
    }

    /// Sets how long a read waits for bytes.
    pub fn set_read_timeout(&mut self, limit: Duration) {
        self.stream
            .set_read_timeout(Some(limit))
            .expect("the socket takes a timeout");
    }

    /// The next answer. Only the method of `request`, to which it belongs, is used.
    pub fn response_to(&mut self, request: &[u8]) -> Response {
        match self.try_response(request.starts_with(b"HEAD ")) {
            Ok(response) => response,
            Err(broken) => panic!("no whole answer to {}: {broken:?}", shown(request)),
        }
    }

    /// The next answer, to a request that is not a HEAD.
    pub fn response(&mut self) -> Response {
        self.response_to(b"")
    }

    /// Sends one GET and reads its answer.
    pub fn get(&mut self, target: &str) -> Response {
        let request = super::head("GET", target, &[]);
        self.send(&request);
        self.response_to(request.as_bytes())
    }

    pub fn try_response(&mut self, to_head: bool) -> Result<Response, Broken> {
        let mut response = self.try_head()?;
        response.body = self.try_body(&response, to_head)?;
        Ok(response)
    }

    /// Reads the head of the next answer and not its body.
    pub fn try_head(&mut self) -> Result<Response, Broken> {
        loop {
            if let Some(end) = self
                .buffer
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")
            {
                let rest = self.buffer.split_off(end + 4);
                let head = std::mem::replace(&mut self.buffer, rest);
                return parse_head(&head)
                    .map_err(|why| Broken::Malformed(format!("{why}: {}", shown(&head))));
            }
            let began = !self.buffer.is_empty();
            if !self.fill()? {
                let head = String::from_utf8_lossy(&self.buffer).into_owned();
                return Err(if began {
                    Broken::CutShort {
                        head,
                        body_bytes: 0,
                    }
                } else {
                    Broken::Closed
                });
            }
        }
    }

    /// Reads the next chunk of a body. The last chunk is empty, and what follows it is not read.
    pub fn try_chunk(&mut self, response: &Response) -> Result<Vec<u8>, Broken> {
        let malformed = |why: &str| Broken::Malformed(format!("{why}: {}", response.head));
        let line = self.take_line(response, 0)?;
        let size = std::str::from_utf8(&line)
            .ok()
            .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let size = size.and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.ok_or_else(|| malformed("a chunk size that is not a number"))?;
        if size == 0 {
            return Ok(Vec::new());
        }
        let chunk = self.take_body(response, size)?;
        if !self.take_line(response, size)?.is_empty() {
            return Err(malformed("a chunk that is longer than its size"));
        }
        Ok(chunk)
    }

    /// Reads all bytes until the connection ends.
    pub fn rest(&mut self) -> Vec<u8> {
        loop {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return std::mem::take(&mut self.buffer),
                Err(why) => panic!("the connection stayed open: {why:?}"),
            }
        }
    }

    /// Fails unless the server ends the connection, regularly or by a reset, without another byte.
    pub fn assert_closed(&mut self, after: &str) {
        loop {
            assert!(
                self.buffer.is_empty(),
                "more bytes came after {after}: {}",
                shown(&self.buffer)
            );
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return,
                Err(why) => panic!("the connection stayed open after {after}: {why:?}"),
            }
        }
    }

    /// Waits for `moment` and returns whether nothing has arrived and the connection is still open.
    pub fn is_silent_for(&mut self, moment: Duration) -> bool {
        if !self.buffer.is_empty() || self.peer_ended {
            return false;
        }
        self.set_read_timeout(moment);
        let silent = self.fill() == Err(Broken::TimedOut);
        self.set_read_timeout(WAIT_LIMIT);
        silent
    }

    /// Reads and discards all bytes until the connection ends, and returns their number.
    pub fn drain(&mut self) -> u64 {
        let mut total = self.buffer.len() as u64;
        let mut piece = vec![0; 1024 * 1024];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return total,
                Ok(read) => total += read as u64,
                Err(error) if is_timeout(&error) => {
                    panic!("the connection stayed open after {total} bytes")
                }
                Err(_) => return total,
            }
        }
    }

    /// Reads and discards `length` bytes of a body, or fewer if the connection ends first. Returns their number.
    pub fn skip(&mut self, length: u64) -> u64 {
        let mut left = length - length.min(self.buffer.len() as u64);
        self.buffer.drain(..(length - left) as usize);
        let mut piece = vec![0; 1024 * 1024];
        while left > 0 {
            let most = piece.len().min(left as usize);
            match self.stream.read(&mut piece[..most]) {
                Ok(0) => break,
                Ok(read) => left -= read as u64,
                Err(error) if is_timeout(&error) => {
                    panic!("nothing more came, although {left} bytes were missing")
                }
                Err(_) => break,
            }
        }
        length - left
    }

    fn try_body(&mut self, response: &Response, to_head: bool) -> Result<Vec<u8>, Broken> {
        let malformed = |why: &str| Err(Broken::Malformed(format!("{why}: {}", response.head)));
        let length = response.field("content-length");
        let coding = response.field("transfer-encoding");
        if length.is_some() && coding.is_some() {
            return malformed("both Content-Length and Transfer-Encoding");
        }
        let bodyless = matches!(response.status, 100..=199 | 204 | 304);
        if bodyless && coding.is_some()
            || matches!(response.status, 100..=199 | 204) && length.is_some()
        {
            return malformed("the framing of a body with a status that has no body");
        }
        if bodyless || to_head {
            return Ok(Vec::new());
        }
        match (length, coding) {
            (Some(length), _) => match parse_length(length) {
                Some(length) => self.take_body(response, length),
                None => malformed("a Content-Length that is not a number"),
            },
            (None, Some("chunked")) => self.take_chunks(response),
            (None, Some(_)) => malformed("an unknown transfer coding"),
            (None, None) if response.closes() => {
                while self.fill()? {}
                Ok(std::mem::take(&mut self.buffer))
            }
            (None, None) => {
                malformed("a body without a length that does not end with the connection")
            }
        }
    }

    fn take_body(&mut self, response: &Response, length: usize) -> Result<Vec<u8>, Broken> {
        while self.buffer.len() < length {
            if !self.fill()? {
                return Err(self.cut_short(response, 0));
            }
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    fn take_chunks(&mut self, response: &Response) -> Result<Vec<u8>, Broken> {
        let mut body = Vec::new();
        loop {
            let chunk = self.try_chunk(response).map_err(|why| match why {
                Broken::CutShort { head, body_bytes } => Broken::CutShort {
                    head,
                    body_bytes: body_bytes + body.len() as u64,
                },
                other => other,
            })?;
            if !chunk.is_empty() {
                body.extend(chunk);
                continue;
            }
            let why = "trailers that were not requested";
            return match self.take_line(response, body.len())?.as_slice() {
                b"" => Ok(body),
                _ => Err(Broken::Malformed(format!("{why}: {}", response.head))),
            };
        }
    }

    /// Reads one line, without its CRLF.
    fn take_line(&mut self, response: &Response, body_bytes: usize) -> Result<Vec<u8>, Broken> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|bytes| bytes == b"\r\n") {
                let rest = self.buffer.split_off(end + 2);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.truncate(end);
                return Ok(line);
            }
            if !self.fill()? {
                return Err(self.cut_short(response, body_bytes as u64));
            }
        }
    }

    fn cut_short(&self, response: &Response, taken: u64) -> Broken {
        Broken::CutShort {
            head: response.head.clone(),
            body_bytes: taken + self.buffer.len() as u64,
        }
    }

    /// Reads once. Returns false at the end of the connection; a reset counts as its end too.
    fn fill(&mut self) -> Result<bool, Broken> {
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => {
                self.peer_ended = true;
                Ok(false)
            }
            Ok(read) => {
                self.buffer.extend_from_slice(&piece[..read]);
                Ok(true)
            }
            Err(error) if is_timeout(&error) => Err(Broken::TimedOut),
            Err(_) => {
                self.peer_ended = true;
                Ok(false)
            }
        }
    }
}

impl Response {
    /// The value of a field. Fails if the field is there more than once.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self
            .fields
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(
            values.next().is_none(),
            "{name} is there twice: {}",
            self.head
        );
        value
    }

    /// The value of a field. Fails if the field is missing.
    pub fn need(&self, name: &str) -> &str {
        self.field(name)
            .unwrap_or_else(|| panic!("{name} is missing: {}", self.head))
    }

    /// The members of a comma-separated list in lower case; none if the field is missing.
    pub fn list(&self, name: &str) -> Vec<String> {
        let members = self.field(name).unwrap_or_default().split(',');
        members
            .map(|member| member.trim().to_ascii_lowercase())
            .filter(|member| !member.is_empty())
            .collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the answer announces that the server closes the connection.
    pub fn closes(&self) -> bool {
        self.list("connection")
            .iter()
            .any(|option| option == "close")
    }
}

fn parse_head(bytes: &[u8]) -> Result<Response, String> {
    // As Latin-1, so that every byte of a value can be seen.
    let head: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let mut lines = head.strip_suffix("\r\n\r\n").ok_or("no end")?.split("\r\n");
    let status_line = lines.next().ok_or("no status line")?;
    let status = status_line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.split_once(' '));
    let (status, reason) = status.ok_or("a malformed status line")?;
    if status.len() != 3
        || !reason
            .chars()
            .all(|c| c == '\t' || (' '..='~').contains(&c))
    {
        return Err("a malformed status line".into());
    }
    let status: u16 = status
        .parse()
        .map_err(|_| "a status that is not a number")?;
    let fields = lines.map(parse_field).collect::<Result<Vec<_>, String>>()?;
    let response = Response {
        status,
        fields,
        head: head.clone(),
        body: Vec::new(),
    };
    if status >= 200 {
        let date = response.field("date").ok_or("no Date")?;
        httpdate::parse_http_date(date).map_err(|_| format!("not a date: {date}"))?;
    }
    Ok(response)
}

fn parse_field(line: &str) -> Result<(String, String), String> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| format!("a line that is not a field: {line:?}"))?;
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return Err(format!("a name that is not a token: {name:?}"));
    }
    if value.chars().any(|c| c.is_ascii_control() && c != '\t') {
        return Err(format!("a value with a control byte: {value:?}"));
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

fn parse_length(text: &str) -> Option<usize> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
