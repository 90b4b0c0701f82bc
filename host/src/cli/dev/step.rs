//! Runs a command of a build, and ends it with all the processes that it has started.

use std::io::{BufRead, BufReader, IsTerminal, PipeReader, Read as _, pipe, stderr};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use super::output::Output;

/// The command that runs now, which another thread may end.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The process of the command, which leads a group of processes.
    process: Option<u32>,
    /// Whether no other command may start.
    stopped: bool,
}

/// How strongly a command is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Its processes may clean up.
    Ask,
    Kill,
}

enum Event {
    Line(Vec<u8>),
    Closed,
    Ended(std::io::Result<ExitStatus>),
}

impl Running {
    /// Ends the command, and keeps others from starting.
    pub fn stop(&self, force: Force) {
        let mut state = self.lock();
        state.stopped = true;
        if let Some(process) = state.process {
            end_group(process, force);
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Runs a command in a folder. The command has no input, and its processes end with it.
    ///
    /// # Errors
    ///
    /// If the command cannot be started.
    pub fn run(
        &self,
        command: &str,
        folder: &Path,
        output: &mut Output,
    ) -> anyhow::Result<ExitStatus> {
        let (reader, writer) = pipe().context("cannot open a pipe for a command")?;
        let mut shell = shell(command);
        shell
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(
                writer
                    .try_clone()
                    .context("cannot open a pipe for a command")?,
            )
            .stderr(writer);
        let child = {
            let mut state = self.lock();
            if state.stopped {
                anyhow::bail!("the build was stopped");
            }
            let child = shell.spawn();
            let child = child.with_context(|| format!("cannot start the shell for `{command}`"))?;
            state.process = Some(child.id());
            child
        };
        // It holds the pipe.
        drop(shell);
        let (sender, events) = mpsc::channel();
        let lines = sender.clone();
        thread::spawn(move || read(reader, &lines));
        let running = self.clone();
        thread::spawn(move || {
            let ended = running.wait(child);
            let _ = sender.send(Event::Ended(ended));
        });
        let (mut status, mut is_open) = (None, true);
        while is_open || status.is_none() {
            // A process that has left the group may hold the pipe.
            let event = match status.is_some() {
                true => events.recv_timeout(REST),
                false => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Line(line)) => output.line(&line),
                Ok(Event::Closed) => is_open = false,
                Ok(Event::Ended(ended)) => status = Some(ended),
                Err(_) => break,
            }
        }
        let status = status.context("the thread that waits for the command has ended")?;
        status.with_context(|| format!("cannot wait for `{command}`"))
    }

    /// Waits for the end of the command, and ends what it has left behind.
    fn wait(&self, mut child: Child) -> std::io::Result<ExitStatus> {
        let process = child.id();
        wait_without_reaping(process);
        // The number of the group is still taken, so that no other group is meant.
        end_group(process, Force::Kill);
        // No other thread may use the number from here on.
        self.lock().process = None;
        child.wait()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    use std::os::unix::process::CommandExt;
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).process_group(0);
    colour(&mut shell);
    shell
}

#[cfg(not(unix))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.args(["/C", command]);
    colour(&mut shell);
    shell
}

/// The tools see a pipe, but a terminal shows their output.
fn colour(shell: &mut Command) {
    if stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        for name in ["CLICOLOR_FORCE", "FORCE_COLOR"] {
            shell.env(name, "1");
        }
        shell.env("CARGO_TERM_COLOR", "always");
    }
}

#[cfg(unix)]
fn end_group(leader: u32, force: Force) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let signal = match force {
        Force::Ask => Signal::TERM,
        Force::Kill => Signal::KILL,
    };
    if let Some(leader) = Pid::from_raw(leader.cast_signed()) {
        // It fails if no process is left.
        let _ = kill_process_group(leader, signal);
    }
}

#[cfg(not(unix))]
fn end_group(leader: u32, _force: Force) {
    let mut taskkill = Command::new("taskkill");
    let _ = taskkill
        .args(["/T", "/F", "/PID", &leader.to_string()])
        .output();
}

#[cfg(unix)]
fn wait_without_reaping(process: u32) {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let Some(process) = Pid::from_raw(process.cast_signed()) else {
        return;
    };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(process), options) {}
}

#[cfg(not(unix))]
fn wait_without_reaping(_process: u32) {}

fn read(pipe: PipeReader, events: &Sender<Event>) {
    let mut pipe = BufReader::new(pipe);
    loop {
        let mut line = Vec::new();
        match pipe.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        if events.send(Event::Line(line)).is_err() {
            return;
        }
    }
    let _ = events.send(Event::Closed);
}

/// Bytes that are passed on together.
const MAX_LINE: u64 = 64 << 10;

/// How long output may follow after the end of a command.
const REST: Duration = Duration::from_millis(500);
