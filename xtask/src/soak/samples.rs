//! What the server uses of the machine at one moment, and what its friendly clients see.

use std::fmt;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};

use super::clients::Counts;
use super::server::Server;

#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Since the start of the traffic.
    pub at: Duration,
    /// Resident memory in bytes.
    pub memory: u64,
    pub descriptors: u64,
    pub threads: u64,
    pub answered: u64,
    pub failed: u64,
    pub attacks: u64,
    /// Of friendly requests since the sample before, in microseconds.
    pub p99: u64,
}

impl Sample {
    pub fn take(server: &Server, counts: &Counts, at: Duration) -> Result<Self> {
        let process = format!("/proc/{}", server.process());
        let status = fs::read_to_string(format!("{process}/status"))
            .context("cannot read the server's memory: the soak needs Linux")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Ok(Self {
            at,
            memory: field("VmRSS:").unwrap_or(0) << 10,
            descriptors: fs::read_dir(format!("{process}/fd"))?.count() as u64,
            threads: field("Threads:").unwrap_or(0),
            answered: counts.answered.load(Ordering::Relaxed),
            failed: counts.failed.load(Ordering::Relaxed),
            attacks: counts.attacks.load(Ordering::Relaxed),
            p99: counts.take_p99(),
        })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "   {:5} s: {:4} MB, {:4} descriptors, {:3} threads; {} answered, {} failed, p99 {} ms; {} attacks",
            self.at.as_secs(),
            self.memory / 1_000_000,
            self.descriptors,
            self.threads,
            self.answered,
            self.failed,
            self.p99 / 1000,
            self.attacks,
        )
    }
}

/// Compares the second quarter of the traffic with the fourth, and with the end. The first quarter fills caches.
pub fn summary(samples: &[Sample], length: Duration) -> String {
    let mut text =
        String::from("               second quarter   fourth quarter   after the traffic\n");
    for (name, value) in VALUES {
        let mean = |from: u32, to: u32| {
            let within = samples
                .iter()
                .filter(|sample| (length * from / 4..length * to / 4).contains(&sample.at));
            let values: Vec<u64> = within.map(value).collect();
            values.iter().sum::<u64>() / (values.len() as u64).max(1)
        };
        let end = samples.last().map(value).unwrap_or(0);
        text.push_str(&format!(
            "{name:12} {:16} {:16} {end:19}\n",
            mean(1, 2),
            mean(3, 4)
        ));
    }
    text
}

/// Reads a value of a sample.
type Value = fn(&Sample) -> u64;

/// What is summarized and drawn.
pub const VALUES: [(&str, Value); 3] = [
    ("memory, MB", |sample| sample.memory / 1_000_000),
    ("descriptors", |sample| sample.descriptors),
    ("threads", |sample| sample.threads),
];
