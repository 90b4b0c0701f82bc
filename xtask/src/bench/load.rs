//! The load generator: wrk with one thread, on another processor than the server.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::machine::{self, LOAD};
use super::scratch::Scratch;
use super::works::RequestKind;

/// The figures that wrk reports.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    pub requests: u64,
    pub seconds: f64,
    /// Latencies in microseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    /// Connections that failed, and answers other than 2xx and 3xx.
    pub errors: u64,
}

/// Requests `path` from the server at `port` on all connections, until `duration` has passed.
pub fn run(
    scratch: &Scratch,
    (port, path): (u16, &str),
    requests: RequestKind,
    connections: u32,
    duration: Duration,
    pinned: bool,
) -> Result<Figures> {
    let mut wrk = match pinned {
        true => machine::on(LOAD, "wrk"),
        false => Command::new("wrk"),
    };
    wrk.args(["--threads", "1", "--timeout", "10"])
        .arg(format!("--connections={connections}"))
        .arg(format!("--duration={}s", duration.as_secs().max(1)))
        .arg("--script")
        .arg(scratch.script(requests))
        .arg(format!("http://127.0.0.1:{port}{path}"));
    let output = wrk
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.lines().find_map(|line| line.strip_prefix("FIGURES "));
    let Some(figures) = figures else {
        bail!("wrk printed no figures: {text}");
    };
    parse(figures).with_context(|| format!("cannot read wrk's figures: {figures}"))
}

fn parse(figures: &str) -> Option<Figures> {
    let numbers: Vec<u64> = figures
        .split_whitespace()
        .map_while(|number| number.parse().ok())
        .collect();
    let &[requests, micros, p50, p99, p999, errors] = numbers.as_slice() else {
        return None;
    };
    Some(Figures {
        requests,
        seconds: micros as f64 / 1e6,
        p50: p50 as f64,
        p99: p99 as f64,
        p999: p999 as f64,
        errors,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_complete_figures_only() {
        let figures = parse("30 2000000 1 2 3 0").unwrap();
        assert_eq!(
            (figures.requests, figures.seconds, figures.p999),
            (30, 2.0, 3.0)
        );
        assert!(parse("30 2000000 1 2 3").is_none());
        assert!(parse("30 2000000 1 2 nan 0").is_none());
    }
}
