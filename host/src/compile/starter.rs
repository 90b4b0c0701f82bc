//! Starts compiler processes.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};

#[cfg(target_os = "linux")]
use super::launcher::{Launched, Launcher};
use super::pipes::ChildPipes;
use super::task::Task;

/// What starts compiler processes.
pub enum Starter {
    /// This process. The path is the file of this program, whose command `belljar compile` is the compiler, and the flags
    /// are for that command.
    Program(PathBuf, &'static [&'static str]),
    /// Another process, because this one may not.
    #[cfg(target_os = "linux")]
    Launcher(Launcher),
}

/// A compiler that was started.
pub(super) enum Started {
    Child(Child),
    #[cfg(target_os = "linux")]
    Launched(Launched),
}

impl Starter {
    /// # Errors
    ///
    /// If the system has no process for it.
    pub(super) fn start(&self, task: Task, pipes: ChildPipes) -> io::Result<Started> {
        match self {
            Self::Program(program, flags) => {
                let child = Command::new(program)
                    .args(task.arguments())
                    .args(*flags)
                    // The compiler must not see secrets of the environment. With RUST_BACKTRACE the standard library would
                    // print a backtrace after a failed allocation, which needs memory itself and could block for ever.
                    .env_clear()
                    .stdin(pipes.input)
                    .stdout(pipes.output)
                    .stderr(pipes.errors)
                    .spawn()?;
                Ok(Started::Child(child))
            }
            #[cfg(target_os = "linux")]
            Self::Launcher(launcher) => Ok(Started::Launched(launcher.launch(task, &pipes)?)),
        }
    }
}

impl Started {
    pub fn kill(&mut self) {
        match self {
            // It fails if the process has ended.
            Self::Child(child) => drop(child.kill()),
            #[cfg(target_os = "linux")]
            Self::Launched(launched) => launched.kill(),
        }
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Child(child) => child.wait(),
            #[cfg(target_os = "linux")]
            Self::Launched(launched) => launched.wait(),
        }
    }
}
