//! The clients of a soak: some are friendly, and their answers count; the others attack.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::hostile;

/// What the clients have seen.
#[derive(Default)]
pub struct Counts {
    /// Requests of friendly clients that were answered as they should be.
    pub answered: AtomicU64,
    /// Those that were not.
    pub failed: AtomicU64,
    pub attacks: AtomicU64,
    /// The latencies of friendly requests since the last sample, in microseconds.
    latencies: Mutex<Vec<u64>>,
}

impl Counts {
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The 99th percentile since the last call, in microseconds.
    pub fn take_p99(&self) -> u64 {
        let lock = self.latencies.lock();
        let mut latencies = std::mem::take(&mut *lock.unwrap_or_else(PoisonError::into_inner));
        latencies.sort_unstable();
        let at = (latencies.len() * 99 / 100).min(latencies.len().saturating_sub(1));
        latencies.get(at).copied().unwrap_or(0)
    }

    fn note(&self, latency: Duration) {
        let lock = self.latencies.lock();
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        lock.unwrap_or_else(PoisonError::into_inner).push(micros);
    }
}

/// Starts all clients. They end at `until`.
pub fn start(port: u16, until: Instant, counts: &Arc<Counts>) -> Vec<JoinHandle<()>> {
    let friendly = (0..FRIENDLY).map(|number| {
        let counts = counts.clone();
        thread::spawn(move || be_friendly(port, until, number, &counts))
    });
    let hostile = (0..HOSTILE).map(|number| {
        let counts = counts.clone();
        thread::spawn(move || {
            // Each begins with another attack.
            let attacks = hostile::CLIENTS.iter().cycle().enumerate();
            for (turn, attack) in attacks.skip(number * 5) {
                if Instant::now() >= until {
                    return;
                }
                // An attack that the server cuts off has failed as it should.
                let _ = attack(port);
                Counts::add(&counts.attacks);
                let _ = hostile::ask_handler(port, turn);
                Counts::add(&counts.attacks);
                sleep(Duration::from_millis(20));
            }
        })
    });
    friendly.chain(hostile).collect()
}

/// Sends one request after the other, on a connection as long as the server keeps it.
fn be_friendly(port: u16, until: Instant, number: usize, counts: &Counts) {
    let mut connection = None;
    for (host, path) in PATHS.iter().cycle().skip(number) {
        if Instant::now() >= until {
            return;
        }
        let begun = Instant::now();
        match ask(&mut connection, port, host, path) {
            Ok(()) => {
                counts.note(begun.elapsed());
                Counts::add(&counts.answered);
            }
            Err(_) => {
                connection = None;
                Counts::add(&counts.failed);
            }
        }
        sleep(Duration::from_millis(20));
    }
}

fn ask(connection: &mut Option<TcpStream>, port: u16, host: &str, path: &str) -> Result<()> {
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

/// Hosts and paths.
const PATHS: [(&str, &str); 8] = [
    ("localhost", "/"),
    ("localhost", "/hello"),
    ("localhost", "/style.css"),
    ("localhost", "/fixed"),
    ("localhost", "/jars.jpg"),
    ("localhost", "/old/about"),
    ("guestbook", "/"),
    ("localhost", "/about/"),
];

const FRIENDLY: usize = 8;

const HOSTILE: usize = 16;

/// The longest that a friendly client waits.
const PATIENCE: Duration = Duration::from_secs(10);
