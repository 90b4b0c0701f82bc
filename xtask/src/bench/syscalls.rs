//! System calls for each request, counted by strace. They have separate runs, because strace makes a server many times
//! slower.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

use super::load;
use super::options::Options;
use super::peer::{Peer, Setting};
use super::scratch::Scratch;
use super::server::Server;
use super::works;
use crate::process::output;

pub struct Calls {
    pub peer: Peer,
    pub work: &'static str,
    /// System calls of all kinds for each request.
    pub each: f64,
    /// The most frequent kinds, with their number for each request.
    pub kinds: Vec<(String, f64)>,
}

pub fn measure(options: &Options, scratch: &Scratch) -> Vec<Calls> {
    let mut all = Vec::new();
    if scratch.strace.is_none() {
        return all;
    }
    println!("== system calls");
    for work in works::ALL
        .iter()
        .filter(|work| COUNTED.contains(&work.name))
    {
        for peer in Peer::present(options, scratch) {
            match count(peer, work, scratch) {
                None => {}
                Some(Err(error)) => println!("   {}: {error:#}", peer.title()),
                Some(Ok(calls)) => {
                    println!(
                        "   {} {}: {:.1} a request",
                        work.name,
                        peer.name(),
                        calls.each
                    );
                    all.push(calls);
                }
            }
        }
    }
    all
}

fn count(peer: Peer, work: &'static works::Work, scratch: &Scratch) -> Option<Result<Calls>> {
    let server = match Server::start(peer, work.task, Setting::Usual, scratch)? {
        Ok(server) => server,
        Err(error) => return Some(Err(error)),
    };
    Some(trace(peer, work, &server, scratch))
}

fn trace(
    peer: Peer,
    work: &'static works::Work,
    server: &Server,
    scratch: &Scratch,
) -> Result<Calls> {
    let strace = scratch.strace.as_ref().context("strace is not installed")?;
    let target = (server.port, work.path);
    load::run(
        scratch,
        target,
        work.requests,
        work.connections,
        Duration::from_secs(1),
        true,
    )?;
    let file = scratch.folder.join("strace.txt");
    let mut tracer = Command::new(strace);
    tracer.args(["-f", "-c", "-o"]).arg(&file);
    for process in server.processes() {
        tracer.args(["-p", &process.to_string()]);
    }
    let mut tracer = tracer.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    sleep(Duration::from_millis(500));
    let figures = load::run(
        scratch,
        target,
        work.requests,
        work.connections,
        Duration::from_secs(2),
        true,
    );
    output(Command::new("kill").args(["-INT", &tracer.id().to_string()]));
    tracer.wait()?;
    let requests = figures?.requests.max(1) as f64;
    let text = std::fs::read_to_string(&file).context("cannot read strace's output")?;
    let mut kinds: Vec<(String, f64)> = text.lines().filter_map(kind).collect();
    kinds.sort_by(|one, other| other.1.total_cmp(&one.1));
    let each = kinds.iter().map(|(_, calls)| calls).sum::<f64>() / requests;
    let kinds = kinds
        .into_iter()
        .map(|(name, calls)| (name, calls / requests));
    Ok(Calls {
        peer,
        work: work.name,
        each,
        kinds: kinds.filter(|(_, calls)| *calls >= 0.05).collect(),
    })
}

/// Reads a line of `strace -c`: share, seconds, microseconds a call, calls, perhaps errors, and the name.
fn kind(line: &str) -> Option<(String, f64)> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let name = *columns.last()?;
    let calls = columns.get(3)?.parse().ok()?;
    columns.first()?.parse::<f64>().ok()?;
    (name != "total").then(|| (name.to_owned(), calls))
}

/// The works that are counted. The others differ from these in the number of bytes only.
const COUNTED: [&str; 3] = ["hello", "file-1kB", "file-100kB"];

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn reads_lines_of_strace() {
        assert_eq!(
            kind(" 12.50    0.001000          10       100        20 recvfrom"),
            Some(("recvfrom".into(), 100.0))
        );
        assert_eq!(
            kind(" 12.50    0.001000          10       100           sendto"),
            Some(("sendto".into(), 100.0))
        );
        assert_eq!(
            kind("100.00    0.001000          10       200        20 total"),
            None
        );
        assert_eq!(
            kind("% time     seconds  usecs/call     calls    errors syscall"),
            None
        );
        assert_eq!(
            kind("------ ----------- ----------- --------- --------- ----------------"),
            None
        );
    }
}
