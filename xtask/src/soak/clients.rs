//! The clients of a soak: some are friendly, and their answers count; the others attack.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::connection::ask;
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
