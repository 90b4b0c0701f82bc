//! `belljar get`: a small HTTP client, for looking at a server.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use belljar::config::units;
use belljar_http::ChunkedDecoder;
use bytes::{Buf, BytesMut};
use clap::Args;

/// Ask a server for a page, and show status line, headers and body
///
/// Exit status: 0 for an answer below 400, 1 for any other answer, for a broken one and for none.
#[derive(Args)]
#[command(override_usage = "belljar get URL\n       belljar get HOST PORT PATH")]
pub struct Get {
    /// http://HOST[:PORT]/PATH, or HOST PORT PATH
    #[arg(required = true, num_args = 1..=3, value_name = "URL | HOST PORT PATH")]
    place: Vec<String>,

    /// Wait for the server
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::duration)]
    timeout: Duration,
}

impl Get {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let place = Place::parse(&self.place)?;
        match exchange(&place, self.timeout, &mut std::io::stdout().lock()) {
            Ok(status) if status < 400 => Ok(ExitCode::SUCCESS),
            Ok(_) => Ok(ExitCode::FAILURE),
            Err(error) => {
                eprintln!("belljar: {}: {error:#}", place.authority());
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

/// Where to ask, and for what.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
    target: String,
}

impl Place {
    fn parse(words: &[String]) -> anyhow::Result<Self> {
        match words {
            [url] => Self::from_url(url),
            [host, port, path] => Self::new(host, port, path),
            _ => bail!("name a URL, or HOST PORT PATH: `belljar get 127.0.0.1 8080 /`"),
        }
    }

    fn from_url(url: &str) -> anyhow::Result<Self> {
        let Some(rest) = url.strip_prefix("http://") else {
            bail!("{url} is no address that begins with http://, and nothing else is spoken here");
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = match rest.find(['/', '?']) {
            Some(end) => rest.split_at(end),
            None => (rest, "/"),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (authority, "80"),
        };
        Self::new(host, port, target)
    }

    fn new(host: &str, port: &str, target: &str) -> anyhow::Result<Self> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let named = !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"/?#@".contains(&byte));
        ensure!(named, "{host:?} is no name of a host");
        let port = port
            .parse()
            .with_context(|| format!("{port:?} is no port; a port is a number up to 65535"))?;
        let graphic = target
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#');
        ensure!(
            graphic,
            "the path {target:?} has bytes that must be percent-encoded, such as %20 for a space"
        );
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            host: host.into(),
            port,
            target: format!("{slash}{target}"),
        })
    }

    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Asks and shows the answer as it comes in. Returns its status.
fn exchange(place: &Place, timeout: Duration, out: &mut impl Write) -> anyhow::Result<u16> {
    // A timeout of zero means none at all to the system.
    let timeout = timeout.max(Duration::from_millis(1));
    let mut stream = connect(place, timeout)?;
    let timeout = Some(timeout);
    stream.set_read_timeout(timeout)?;
    stream.set_write_timeout(timeout)?;
    let Place { target, .. } = place;
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {}\r\nUser-Agent: belljar/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        place.authority(),
        env!("CARGO_PKG_VERSION")
    );
    stream
        .write_all(request.as_bytes())
        .context("the request cannot be sent")?;

    let mut answer = Input {
        stream,
        bytes: BytesMut::new(),
    };
    for _ in 0..=MAX_INTERIM {
        let Head {
            status,
            length,
            raw,
        } = answer.head()?;
        ensure!(
            status != 101,
            "the server changes to another protocol, which nobody asked for"
        );
        // An interim answer (RFC 9110, section 15.2) is followed by the one that counts.
        if (100..200).contains(&status) {
            continue;
        }
        out.write_all(&raw)?;
        answer.body(length, out)?;
        out.flush()?;
        return Ok(status);
    }
    bail!("more than {MAX_INTERIM} interim answers, and none that counts")
}

/// Tries the addresses of the host one after the other.
fn connect(place: &Place, timeout: Duration) -> anyhow::Result<TcpStream> {
    let addresses = (place.host.as_str(), place.port).to_socket_addrs();
    let mut outcome = Err(anyhow!("the host has no address"));
    for address in addresses.context("no connection")? {
        outcome = TcpStream::connect_timeout(&address, timeout).context("no connection");
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The end of a body (RFC 9112, section 6.3).
#[derive(Debug, PartialEq, Eq)]
enum Length {
    Known(u64),
    Chunked,
    UntilClose,
}

struct Head {
    status: u16,
    length: Length,
    raw: BytesMut,
}

struct Input {
    stream: TcpStream,
    bytes: BytesMut,
}

impl Input {
    /// Reads more. False: the server has closed its side.
    fn more(&mut self) -> anyhow::Result<bool> {
        let mut part = [0; 16 << 10];
        let count = self
            .stream
            .read(&mut part)
            .context("the answer breaks off")?;
        self.bytes.extend_from_slice(&part[..count]);
        Ok(count > 0)
    }

    fn head(&mut self) -> anyhow::Result<Head> {
        loop {
            if let Some((length, status, body)) = parse(&self.bytes)? {
                return Ok(Head {
                    status,
                    length: body,
                    raw: self.bytes.split_to(length),
                });
            }
            ensure!(
                self.bytes.len() <= MAX_HEAD,
                "the answer's head is longer than {MAX_HEAD} bytes"
            );
            let more = self.more()?;
            ensure!(
                more,
                if self.bytes.is_empty() {
                    "no answer"
                } else {
                    "the answer's head breaks off"
                }
            );
        }
    }

    fn body(&mut self, length: Length, out: &mut impl Write) -> anyhow::Result<()> {
        match length {
            Length::UntilClose => loop {
                self.show(out, u64::MAX)?;
                if !self.more()? {
                    return Ok(());
                }
            },
            Length::Known(length) => {
                let mut left = length;
                loop {
                    let held = left.min(self.bytes.len() as u64);
                    self.show(out, held)?;
                    left -= held;
                    if left == 0 {
                        return Ok(());
                    }
                    ensure!(
                        self.more()?,
                        "the body breaks off: {} of {length} bytes came",
                        length - left
                    );
                }
            }
            Length::Chunked => {
                let (mut decoder, mut content) = (ChunkedDecoder::default(), BytesMut::new());
                loop {
                    let end = decoder
                        .decode(&mut self.bytes, &mut content)
                        .map_err(|error| {
                            anyhow::anyhow!("the chunked body is malformed: {error}")
                        })?;
                    out.write_all(&content)?;
                    content.clear();
                    if end {
                        return Ok(());
                    }
                    ensure!(
                        self.more()?,
                        "the chunked body breaks off before its last chunk"
                    );
                }
            }
        }
    }

    fn show(&mut self, out: &mut impl Write, most: u64) -> anyhow::Result<()> {
        let count = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .min(self.bytes.len());
        out.write_all(&self.bytes[..count])?;
        self.bytes.advance(count);
        Ok(())
    }
}

/// A whole head: its length in bytes, its status, and how its body ends. None: more is needed.
fn parse(bytes: &[u8]) -> anyhow::Result<Option<(usize, u16, Length)>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(end) = response
        .parse(bytes)
        .context("the answer is not HTTP/1.1")?
    else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    let values = |name: &str| -> Vec<&[u8]> {
        response
            .headers
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value)
            .collect()
    };
    let (codings, lengths) = (values("transfer-encoding"), values("content-length"));
    let length = if (100..200).contains(&status) || status == 204 || status == 304 {
        Length::Known(0)
    } else if let Some(coding) = codings.first() {
        ensure!(
            codings.len() == 1 && coding.eq_ignore_ascii_case(b"chunked"),
            "a Transfer-Encoding other than chunked"
        );
        ensure!(
            lengths.is_empty(),
            "Content-Length and Transfer-Encoding together"
        );
        Length::Chunked
    } else {
        match lengths[..] {
            [] => Length::UntilClose,
            [digits] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                Length::Known(
                    digits
                        .parse()
                        .context("the Content-Length is out of range")?,
                )
            }
            _ => bail!("the Content-Length is malformed or there is more than one"),
        }
    };
    Ok(Some((end, status, length)))
}

/// Interim answers that are waited through.
const MAX_INTERIM: usize = 100;
/// Bytes of the longest head that is read.
const MAX_HEAD: usize = 256 << 10;
const MAX_FIELDS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn place(words: &[&str]) -> anyhow::Result<Place> {
        Place::parse(
            &words
                .iter()
                .map(|word| word.to_string())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn places() {
        for (words, host, port, target) in [
            (&["http://localhost"][..], "localhost", 80, "/"),
            (&["http://localhost:8080/a?b#c"], "localhost", 8080, "/a?b"),
            (&["http://localhost?b"], "localhost", 80, "/?b"),
            (&["http://[::1]:8080/"], "::1", 8080, "/"),
            (&["http://[::1]/"], "::1", 80, "/"),
            (&["127.0.0.1", "8080", "a"], "127.0.0.1", 8080, "/a"),
            (&["::1", "8080", "/"], "::1", 8080, "/"),
        ] {
            let expected = Place {
                host: host.into(),
                port,
                target: target.into(),
            };
            assert_eq!(place(words).ok(), Some(expected), "{words:?}");
        }
        for words in [
            &["https://localhost/"][..],
            &["localhost"],
            &["http://"],
            &["http://localhost:99999/"],
            &["http://a b/"],
            &["localhost", "http", "/"],
            &["localhost", "80"],
            &["localhost", "80", "/a b"],
            &["localhost", "80", "/a\r\nX: y"],
        ] {
            assert!(place(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn heads() {
        for (head, expected) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                Some((200, Length::Known(5))),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n",
                Some((200, Length::Chunked)),
            ),
            ("HTTP/1.1 200 OK\r\n\r\n", Some((200, Length::UntilClose))),
            (
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                Some((304, Length::Known(0))),
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", None),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                None,
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", None),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
                None,
            ),
            ("SSH-2.0-OpenSSH\r\n\r\n", None),
        ] {
            let parsed = parse(head.as_bytes())
                .ok()
                .flatten()
                .map(|(_, status, length)| (status, length));
            assert_eq!(parsed, expected, "{head:?}");
        }
    }
}
