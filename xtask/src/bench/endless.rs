//! The latency of a hello while eight handlers loop for ever, with all processors in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::client::Client;
use super::options::Options;
use super::peer::{Peer, Setting};
use super::scratch::Scratch;
use super::server::Server;
use super::statistics::{percentile, time};
use super::works::Task;

pub struct Endless {
    pub peer: Peer,
    /// The number of handlers that loop at the same time.
    pub loops: usize,
    /// Latencies in microseconds, counted from the time when the request was due.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub requests: usize,
    /// Requests without an answer.
    pub failed: usize,
}

pub fn measure(options: &Options, scratch: &Scratch) -> Vec<Endless> {
    println!("== endless handlers");
    let mut all = Vec::new();
    let runs_handlers = |peer: &Peer| {
        matches!(
            peer,
            Peer::Fresh | Peer::Kept | Peer::Against | Peer::Wasmtime
        )
    };
    for peer in Peer::present(options, scratch)
        .into_iter()
        .filter(runs_handlers)
    {
        for loops in [0, 8] {
            match Server::start(peer, Task::Handlers, Setting::Endless, scratch) {
                None => {}
                Some(Err(error)) => println!("   {error:#}"),
                Some(Ok(server)) => {
                    let endless = under(peer, loops, server, options);
                    println!(
                        "   {} under {loops}: p50 {}, p99 {}, p99.9 {}, {} of {} failed",
                        peer.name(),
                        time(endless.p50),
                        time(endless.p99),
                        time(endless.p999),
                        endless.failed,
                        endless.requests
                    );
                    all.push(endless);
                }
            }
        }
    }
    all
}

fn under(peer: Peer, loops: usize, server: Server, options: &Options) -> Endless {
    let (port, stop) = (server.port, Arc::new(AtomicBool::new(false)));
    let loopers: Vec<_> = (0..loops)
        .map(|_| {
            let stop = stop.clone();
            thread::spawn(move || {
                // If a time limit ends a loop, the next one begins.
                while !stop.load(Ordering::Relaxed) {
                    let _ = get(&mut Client::connect(port, LONG), "/loop");
                }
            })
        })
        .collect();
    sleep(Duration::from_secs(1));
    let length = Duration::from_secs(if options.is_quick() { 5 } else { 20 });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| thread::spawn(move || ask_at_a_pace(port, length)))
        .collect();
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.join().unwrap_or_default());
    }
    stop.store(true, Ordering::Relaxed);
    drop(server);
    for looper in loopers {
        let _ = looper.join();
    }
    let answered: Vec<f64> = latencies.iter().flatten().copied().collect();
    // A missing answer counts as late as the longest time that the client waits.
    let counted: Vec<f64> = latencies
        .iter()
        .map(|latency| latency.unwrap_or(PATIENCE.as_secs_f64() * 1e6))
        .collect();
    Endless {
        peer,
        loops,
        p50: percentile(&counted, 0.5),
        p99: percentile(&counted, 0.99),
        p999: percentile(&counted, 0.999),
        requests: counted.len(),
        failed: counted.len() - answered.len(),
    }
}

/// Returns the latencies of requests that are due every [`PACE`], whether the previous one is answered or not. A slow
/// answer delays the requests after it, and their latencies include the delay.
pub fn ask_at_a_pace(port: u16, length: Duration) -> Vec<Option<f64>> {
    let (begun, mut latencies) = (Instant::now(), Vec::new());
    let mut client = Client::connect(port, PATIENCE);
    for turn in 0.. {
        let due = PACE * turn;
        if due > length || begun.elapsed() > length + PATIENCE {
            break;
        }
        sleep(due.saturating_sub(begun.elapsed()));
        let answered = get(&mut client, "/");
        latencies.push(answered.then(|| (begun.elapsed() - due).as_secs_f64() * 1e6));
        if !answered {
            client = Client::connect(port, PATIENCE);
        }
    }
    latencies
}

fn get(client: &mut std::io::Result<Client>, path: &str) -> bool {
    client.as_mut().is_ok_and(|client| client.get(path).is_ok())
}

/// The number of connections that request a hello, and the time between two requests of each.
const CLIENTS: usize = 4;
const PACE: Duration = Duration::from_millis(10);

/// The longest that a client waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Longer than the whole measurement.
const LONG: Duration = Duration::from_secs(600);
