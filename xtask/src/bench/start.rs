//! The time from the start of the process to its first answer.

use std::fs;

use super::options::Options;
use super::peer::{Peer, Setting};
use super::scratch::Scratch;
use super::server::Server;
use super::statistics::{median, time};
use super::works::Task;

pub struct Start {
    pub peer: Peer,
    pub task: Task,
    /// Microseconds, with an empty cache of compiled code.
    pub cold: Option<f64>,
    /// Microseconds, with the cache that an earlier start has filled.
    pub warm: Option<f64>,
}

pub fn measure(options: &Options, scratch: &Scratch) -> Vec<Start> {
    println!("== start");
    let mut all = Vec::new();
    for task in [Task::Files, Task::Page] {
        for peer in Peer::present(options, scratch) {
            let (mut cold, mut warm) = (Vec::new(), Vec::new());
            for _ in 0..options.starts() {
                let cache = scratch.folder.join("cache-of-start");
                let _ = fs::remove_dir_all(&cache);
                for times in [&mut cold, &mut warm] {
                    let started =
                        Server::start_with(peer, task, Setting::Usual, scratch, |command| {
                            command.env("XDG_CACHE_HOME", &cache);
                        });
                    if let Some(Ok(server)) = started {
                        times.push(server.started_in.as_secs_f64() * 1e6);
                    }
                }
            }
            let (cold, warm) = (median(cold), median(warm));
            if let (Some(cold), Some(warm)) = (cold, warm) {
                println!(
                    "   {} {task:?}: cold {}, warm {}",
                    peer.name(),
                    time(cold),
                    time(warm)
                );
                all.push(Start {
                    peer,
                    task,
                    cold: Some(cold),
                    warm: Some(warm),
                });
            }
        }
    }
    all
}
