//! Resident memory: after the start, with idle connections, and with many instances at once.

use std::thread::sleep;
use std::time::Duration;

use super::client::Client;
use super::options::Options;
use super::peer::{Peer, Setting};
use super::scratch::Scratch;
use super::server::Server;
use super::statistics::whole;
use super::works::Task;

pub struct Memory {
    pub peer: Peer,
    /// The state of the server in words, such as `after the first answer`.
    pub state: &'static str,
    /// Bytes.
    pub resident: f64,
    /// The connections that were open, or the handlers that answered in the end; and the number wanted.
    pub reached: Option<(usize, usize)>,
}

pub const IDLE: &str = "after the first answer";
pub const SOME: &str = "1,000 idle connections";
pub const MANY: &str = "10,000 idle connections";
pub const CROWD: &str = "1,000 handlers asleep at once";

pub fn measure(options: &Options, scratch: &Scratch) -> Vec<Memory> {
    println!("== memory");
    let mut all = Vec::new();
    for peer in Peer::present(options, scratch) {
        let before = all.len();
        match peer {
            Peer::StaticWebServer => idle(peer, Task::Files, scratch, &mut all),
            _ => idle(peer, Task::Page, scratch, &mut all),
        }
        if matches!(peer, Peer::Fresh | Peer::Against | Peer::Wasmtime) {
            crowd(peer, scratch, &mut all);
        }
        for memory in &all[before..] {
            let reached = memory
                .reached
                .map(|(reached, of)| format!(" ({reached} of {of})"));
            println!(
                "   {} {}: {} kB{}",
                peer.name(),
                memory.state,
                whole(memory.resident / 1e3),
                reached.unwrap_or_default()
            );
        }
    }
    all
}

/// Each connection has had one request, as the idle connections of a real server have.
fn idle(peer: Peer, task: Task, scratch: &Scratch, all: &mut Vec<Memory>) {
    let Some(Ok(server)) = Server::start(peer, task, Setting::Crowd, scratch) else {
        return;
    };
    let path = if task == Task::Files { "/1kB.txt" } else { "/" };
    sleep(SETTLE);
    note(all, peer, IDLE, &server, None);
    let mut connections = Vec::new();
    for (state, number) in [(SOME, 1_000), (MANY, 10_000)] {
        while connections.len() < number {
            let client = Client::connect(server.port, PATIENCE).and_then(|mut client| {
                client.get(path)?;
                Ok(client)
            });
            match client {
                Ok(client) => connections.push(client),
                Err(_) => break,
            }
        }
        sleep(SETTLE);
        note(all, peer, state, &server, Some((connections.len(), number)));
    }
}

fn crowd(peer: Peer, scratch: &Scratch, all: &mut Vec<Memory>) {
    let Some(Ok(server)) = Server::start(peer, Task::Handlers, Setting::Crowd, scratch) else {
        return;
    };
    let asked = (0..1_000).filter_map(|_| {
        let mut client = Client::connect(server.port, PATIENCE).ok()?;
        client.ask("/sleep").ok()?;
        Some(client)
    });
    let clients: Vec<Client> = asked.collect();
    // The handlers sleep for five seconds.
    sleep(Duration::from_millis(2_500));
    note(all, peer, CROWD, &server, None);
    let answers = clients.into_iter().map(|mut client| client.answer());
    let answered = answers.filter(Result::is_ok).count();
    if let Some(memory) = all.last_mut() {
        memory.reached = Some((answered, 1_000));
    }
}

fn note(
    all: &mut Vec<Memory>,
    peer: Peer,
    state: &'static str,
    server: &Server,
    reached: Option<(usize, usize)>,
) {
    if let Some(resident) = server.resident() {
        all.push(Memory {
            peer,
            state,
            resident,
            reached,
        });
    }
}

/// The time after which the server is idle.
const SETTLE: Duration = Duration::from_secs(1);

const PATIENCE: Duration = Duration::from_secs(10);
