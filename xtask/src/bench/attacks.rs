//! The latency of a neighbour's hello while another handler, or a client of it, attacks. Server, attackers and neighbour use
//! all processors.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use anyhow::{Context, Result};

use super::client::Client;
use super::endless::ask_at_a_pace;
use super::load;
use super::options::Options;
use super::peer::Peer;
use super::scratch::Scratch;
use super::server::Server;
use super::statistics::{percentile, time, whole};
use super::works::RequestKind;

pub struct Attacked {
    pub peer: Peer,
    pub attack: &'static str,
    /// Latencies of the neighbour in microseconds, counted from the time when the request was due.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub requests: usize,
    /// Requests of the neighbour without an answer.
    pub failed: usize,
    /// The requests of the attacker that were answered in a second, if it waits for answers.
    pub rate: Option<f64>,
}

struct Attack {
    name: &'static str,
    connections: u32,
    path: &'static str,
    kind: Kind,
}

enum Kind {
    /// The client asks again as soon as it has an answer.
    Ask,
    /// The client asks for much, and reads none of it.
    Unread,
    /// The client connects, sends half a request, and resets the connection.
    Reset,
}

const fn ask(name: &'static str, connections: u32, path: &'static str) -> Attack {
    Attack {
        name,
        connections,
        path,
        kind: Kind::Ask,
    }
}

const ATTACKS: [Attack; 15] = [
    ask("none", 0, "/attacker/hello"),
    ask("8 endless loops", 8, "/attacker/busy/loop"),
    ask(
        "200 connections, 1.5 ms each",
        200,
        "/attacker/busy/micros?n=1500",
    ),
    ask(
        "1,000 connections, 2 ms each",
        1_000,
        "/attacker/busy/micros?n=2000",
    ),
    ask(
        "64 connections, 16 MiB of memory each",
        64,
        "/attacker/busy/memory?n=16",
    ),
    ask(
        "32 connections, 1 MiB of random bytes in each call",
        32,
        "/attacker/hostcalls/random-bytes",
    ),
    ask(
        "32 connections, endless polls",
        32,
        "/attacker/hostcalls/poll",
    ),
    ask(
        "64 connections, 1,000 lines of log each",
        64,
        "/attacker/output/both-streams?n=500",
    ),
    ask(
        "64 connections, a body of 1 MB each",
        64,
        "/attacker/output/large-body?n=1000000",
    ),
    ask("64 traps at once", 64, "/attacker/framing/status"),
    ask(
        "32 connections, endless work on files",
        32,
        "/attacker/files/endless-create",
    ),
    ask(
        "16 connections, endless listings",
        16,
        "/attacker/files/endless-listing",
    ),
    ask(
        "16 connections, endless writes",
        16,
        "/attacker/files/endless-write",
    ),
    Attack {
        name: "200 clients that read nothing of 5 MB",
        connections: 200,
        path: "/attacker/output/large-body?n=5000000",
        kind: Kind::Unread,
    },
    Attack {
        name: "resets without end",
        connections: 4,
        path: "/attacker/output/large-body?n=100000",
        kind: Kind::Reset,
    },
];

pub fn measure(options: &Options, scratch: &Scratch) -> Vec<Attacked> {
    println!("== attacks");
    let mut all = Vec::new();
    let is_ours = |peer: &Peer| matches!(peer, Peer::Fresh | Peer::Against);
    for peer in Peer::present(options, scratch).into_iter().filter(is_ours) {
        for attack in &ATTACKS {
            match beside(attack, peer, options, scratch) {
                Err(error) => println!("   {}: {error:#}", attack.name),
                Ok(attacked) => {
                    println!(
                        "   {} under {}: p50 {}, p99 {}, p99.9 {}, {} of {} failed; {} attacks/s",
                        peer.name(),
                        attack.name,
                        time(attacked.p50),
                        time(attacked.p99),
                        time(attacked.p999),
                        attacked.failed,
                        attacked.requests,
                        attacked.rate.map_or("-".into(), whole),
                    );
                    all.push(attacked);
                }
            }
        }
    }
    all
}

/// Each attack has a server of its own, so that none suffers from the one before.
fn beside(
    attack: &'static Attack,
    peer: Peer,
    options: &Options,
    scratch: &Scratch,
) -> Result<Attacked> {
    let server = started(peer, scratch)?;
    let port = server.port;
    let length = Duration::from_secs(if options.is_quick() { 3 } else { 10 });
    let stop = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let attackers = match attack.kind {
            Kind::Ask => Vec::new(),
            Kind::Unread | Kind::Reset => client_threads(attack, port, &stop),
        };
        let asking = (attack.connections > 0 && matches!(attack.kind, Kind::Ask)).then(|| {
            scope.spawn(move || {
                let (target, connections) = ((port, attack.path), attack.connections);
                // It begins before the neighbour and ends after it.
                let duration = length + 2 * BEFORE;
                load::run(
                    scratch,
                    target,
                    RequestKind::Plain,
                    connections,
                    duration,
                    false,
                )
            })
        });
        sleep(BEFORE);
        let neighbours: Vec<_> = (0..NEIGHBOURS)
            .map(|_| scope.spawn(move || ask_at_a_pace(port, length)))
            .collect();
        let mut latencies = Vec::new();
        for neighbour in neighbours {
            latencies.extend(neighbour.join().unwrap_or_default());
        }
        stop.store(true, Ordering::Relaxed);
        let rate = match asking.map(|asking| asking.join()) {
            Some(Ok(Ok(figures))) => Some(figures.requests as f64 / figures.seconds),
            _ => None,
        };
        drop(server);
        for attacker in attackers {
            let _ = attacker.join();
        }
        let failed = latencies.iter().filter(|latency| latency.is_none()).count();
        let late = super::endless::PATIENCE.as_secs_f64() * 1e6;
        let counted: Vec<f64> = latencies
            .iter()
            .map(|latency| latency.unwrap_or(late))
            .collect();
        Ok(Attacked {
            peer,
            attack: attack.name,
            p50: percentile(&counted, 0.5),
            p99: percentile(&counted, 0.99),
            p999: percentile(&counted, 0.999),
            requests: counted.len(),
            failed,
            rate,
        })
    })
}

/// The hello at `/`, and the attacker of the tests below `/attacker/`, with a folder to write to.
fn started(peer: Peer, scratch: &Scratch) -> Result<Server> {
    let program = match peer {
        Peer::Against => scratch.against.as_ref().context("no --against")?,
        _ => &scratch.belljar,
    };
    let folder = scratch.folder.join("attacked");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("file.txt"), "content")?;
    for entry in 0..1_000 {
        let path = folder.join(format!("entry-{entry}"));
        if !path.exists() {
            fs::write(path, "")?;
        }
    }
    let port = super::server::free_port();
    let config = scratch.folder.join("attacked.toml");
    fs::write(&config, text(port, &folder, scratch))?;
    let mut command = Command::new(program);
    command
        .args(["serve", "--config"])
        .arg(config)
        .env("XDG_CACHE_HOME", scratch.folder.join("cache"));
    Server::run(command, port, "/").context("the attacked server did not start")
}

fn text(port: u16, folder: &Path, scratch: &Scratch) -> String {
    let (hello, attacker) = (scratch.example("hello"), scratch.example("test_attacker"));
    let grant = format!("{}::/:rw", folder.display());
    format!(
        "listen = [\"127.0.0.1:{port}\"]\n\
         [[route]]\npath = \"/\"\ncomponent = {hello:?}\n\
         [[route]]\npath = \"/attacker/*\"\ncomponent = {attacker:?}\ngrants.dirs = [{grant:?}]\n"
    )
}

fn client_threads(
    attack: &'static Attack,
    port: u16,
    stop: &Arc<AtomicBool>,
) -> Vec<JoinHandle<()>> {
    let attacker = || {
        let stop = stop.clone();
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let client = Client::connect(port, Duration::from_secs(1));
                let asked = client.and_then(|mut client| {
                    client.ask(attack.path)?;
                    Ok(client)
                });
                let pause = match attack.kind {
                    Kind::Unread => Duration::from_millis(500),
                    // Closing with unread bytes sends a reset.
                    Kind::Ask | Kind::Reset => Duration::from_millis(2),
                };
                sleep(pause);
                drop(asked);
            }
        })
    };
    (0..attack.connections).map(|_| attacker()).collect()
}

/// The number of the neighbour's connections.
const NEIGHBOURS: usize = 4;

/// The time from the start of the attack to the neighbour's first request.
const BEFORE: Duration = Duration::from_secs(1);
