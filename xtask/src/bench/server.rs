//! A server process: its start, its first answer, its use of processor and memory, and its end.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::client::Client;
use super::peer::{Peer, Setting};
use super::scratch::Scratch;
use super::works::Task;
use crate::process::output;

pub struct Server {
    child: Child,
    pub port: u16,
    /// From the start of the process to the end of its first answer.
    pub started_in: Duration,
}

impl Server {
    /// Returns `None` if the peer cannot do the task.
    pub fn start(
        peer: Peer,
        task: Task,
        setting: Setting,
        scratch: &Scratch,
    ) -> Option<Result<Self>> {
        Self::start_with(peer, task, setting, scratch, |_| {})
    }

    /// `change` may alter the command before it is run.
    pub fn start_with(
        peer: Peer,
        task: Task,
        setting: Setting,
        scratch: &Scratch,
        change: impl FnOnce(&mut Command),
    ) -> Option<Result<Self>> {
        let port = free_port();
        let mut command = peer.command(task, setting, port, scratch)?;
        change(&mut command);
        let path = if task == Task::Files { "/1kB.txt" } else { "/" };
        Some(
            Self::run(command, port, path)
                .with_context(|| format!("{} did not start", peer.title())),
        )
    }

    /// Runs the command and waits for the answer to its first request, for `path`.
    pub fn run(mut command: Command, port: u16, path: &str) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        let child = command.spawn()?;
        let mut server = Self {
            child,
            port,
            started_in: Duration::ZERO,
        };
        while get(port, path).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended with {status}: {command:?}");
            }
            if started.elapsed() > PATIENCE {
                bail!("no answer within {PATIENCE:?}: {command:?}");
            }
            sleep(Duration::from_micros(200));
        }
        server.started_in = started.elapsed();
        Ok(server)
    }

    /// The server's processes: the first one, and its workers if it has any.
    pub fn processes(&self) -> Vec<u32> {
        let own = self.child.id();
        let children =
            fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        [own].into_iter().chain(children).collect()
    }

    /// The processor time that the server has used, in microseconds. `None` on systems other than Linux.
    pub fn processor_time(&self) -> Option<f64> {
        self.processes().into_iter().map(processor_time).sum()
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> Option<f64> {
        self.processes().into_iter().map(resident).sum()
    }
}

impl Drop for Server {
    /// Asks the server to end before killing it: nginx's workers would survive when nginx is killed.
    fn drop(&mut self) {
        let _ = output(Command::new("kill").arg(self.child.id().to_string()));
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(1) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends one request on a new connection.
fn get(port: u16, path: &str) -> std::io::Result<()> {
    Client::connect(port, Duration::from_secs(10))?.get(path)
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0));
    listener
        .and_then(|listener| listener.local_addr())
        .map_or(8099, |address| address.port())
}

/// Fields 14 and 15 of proc_pid_stat(5), in hundredths of a second; the second field may hold spaces.
fn processor_time(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) * 10_000.0)
}

fn resident(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024.0)
}

/// The longest that a server may take to its first answer: compiling a component may take seconds.
const PATIENCE: Duration = Duration::from_secs(60);
