//! The launcher: a small process that starts the compiler processes of a server, so that the server itself needs no right
//! to start programs.
//!
//! The server sends it tasks over a socket, with the pipes of the compiler and a connection about this compiler. The launcher
//! reports the exit status on the connection. It kills the compiler when the server closes the connection, and ends when
//! the server closes the socket. It runs nothing but `belljar compile`.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use super::pipes::ChildPipes;
use super::task::{MESSAGE, Task};

/// A connection to the launcher.
pub struct Launcher(OwnedFd);

/// A compiler process that the launcher started. Dropping this kills the process.
pub(super) struct Launched(UnixStream);

impl Launcher {
    /// Starts the launcher. `program` is the file of this program, and `flags` are passed on to the compilers.
    ///
    /// # Errors
    ///
    /// If the system has no process or no files for it.
    pub fn start(program: &Path, flags: &[&str]) -> io::Result<Self> {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Command::new(program)
            .args(["compile", "--launcher"])
            .args(flags)
            .env_clear()
            .stdin(theirs)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C stops the server, which needs the launcher until its end.
            .process_group(0)
            .spawn()?;
        Ok(Self(ours))
    }

    /// Starts a compiler with these pipes.
    pub(super) fn launch(&self, task: Task, pipes: &ChildPipes) -> io::Result<Launched> {
        let (ours, theirs) = UnixStream::pair()?;
        let files = [
            pipes.input.as_fd(),
            pipes.output.as_fd(),
            pipes.errors.as_fd(),
            theirs.as_fd(),
        ];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&files));
        sendmsg(
            &self.0,
            &[IoSlice::new(&task.to_message())],
            &mut control,
            SendFlags::NOSIGNAL,
        )?;
        Ok(Launched(ours))
    }
}

impl Launched {
    pub fn kill(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Write);
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let mut status = [0; 4];
        self.0
            .read_exact(&mut status)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    io::Error::other("it was not started: the system has no process for it")
                }
                _ => error,
            })?;
        Ok(ExitStatus::from_raw(i32::from_ne_bytes(status)))
    }
}

/// What the launcher does, with the socket as its standard input, until the server ends.
///
/// # Errors
///
/// If the socket cannot be read.
pub fn run_launcher(program: &Path, flags: &'static [&'static str]) -> io::Result<()> {
    // A server that was killed closes the socket too. This is for a launcher that hangs.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    while let Some((task, files)) = receive()? {
        let [input, output, errors, connection] = files;
        let mut command = Command::new(program);
        command
            .args(task.arguments())
            .args(flags)
            .env_clear()
            .stdin(input)
            .stdout(output)
            .stderr(errors);
        // Without a thread the connection is closed, which the server reports.
        let _ = thread::Builder::new()
            .name("attend".into())
            .spawn(move || attend(command, connection.into()));
    }
    Ok(())
}

/// Runs a compiler, and kills it if the server closes the connection.
fn attend(mut command: Command, mut connection: UnixStream) {
    let started = command.spawn();
    // The command holds the pipes.
    drop(command);
    let Ok(mut child) = started else {
        return;
    };
    if wait_for_end(&child, &connection).is_err() {
        let _ = child.kill();
    }
    if let Ok(status) = child.wait() {
        let _ = connection.write_all(&status.into_raw().to_ne_bytes());
    }
}

/// Waits for the end of the process.
///
/// # Errors
///
/// If the server closes the connection, or the system cannot wait for both.
fn wait_for_end(child: &Child, connection: &UnixStream) -> io::Result<()> {
    let process = Pid::from_raw(child.id().cast_signed()).ok_or(io::ErrorKind::NotFound)?;
    let process = pidfd_open(process, PidfdFlags::empty())?;
    let mut events = [
        PollFd::new(&process, PollFlags::IN),
        PollFd::new(connection, PollFlags::IN | PollFlags::RDHUP),
    ];
    loop {
        match poll(&mut events, None) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) if !events[0].revents().is_empty() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

/// The next task and its files. None: the server has ended.
fn receive() -> io::Result<Option<(Task, [OwnedFd; FILES])>> {
    let socket = io::stdin();
    loop {
        let mut message = [0; MESSAGE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(
            &socket,
            &mut [IoSliceMut::new(&mut message)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        );
        let received = match received {
            Err(rustix::io::Errno::INTR) => continue,
            received => received?,
        };
        if received.bytes == 0 {
            return Ok(None);
        }
        let files: Vec<OwnedFd> = control
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(files) => Some(files),
                _ => None,
            })
            .flatten()
            .collect();
        // The server sends nothing else.
        if let (MESSAGE, Ok(files)) = (received.bytes, files.try_into()) {
            return Ok(Some((Task::of_message(message), files)));
        }
    }
}

/// Files that come with a task: standard input, output and error of the compiler, and the connection about it.
const FILES: usize = 4;
