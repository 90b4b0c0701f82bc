//! `belljar compile`, the process that a server starts to compile a component. Users do not call it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use belljar::compile::Child;
use belljar::hardening::harden_compiler;
use belljar_sandbox::{CompileTarget, Effort};
use clap::Args;

/// Compile the component on standard input to machine code on standard output
#[derive(Args)]
pub struct Compile {
    /// Maximum memory of this process, in bytes
    #[arg(long, default_value_t = u64::MAX)]
    memory: u64,

    /// Processor time of this process, in seconds for each processor
    #[arg(long, default_value_t = u64::MAX)]
    seconds: u64,

    /// Number of middleware on standard input in front of the component
    #[arg(long, default_value_t = 0)]
    middleware: u64,

    /// Compile for instances outside of the pool
    #[arg(long)]
    anywhere: bool,

    /// Compile quickly, to slower code
    #[arg(long)]
    quick: bool,

    /// Keep the rights of this process
    #[arg(long)]
    unhardened: bool,

    /// Start compilers for the server on the other end of standard input
    #[arg(long)]
    launcher: bool,
}

impl Compile {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.launcher {
            return self.launch();
        }
        let target = match self.anywhere {
            true => CompileTarget::OnDemand,
            false => CompileTarget::Pool,
        };
        Child {
            memory: self.memory,
            seconds: self.seconds,
            target,
            effort: match self.quick {
                true => Effort::Least,
                false => Effort::Full,
            },
            middleware: self.middleware,
            harden: (!self.unhardened).then_some(harden_compiler),
        }
        .run()
    }

    #[cfg(target_os = "linux")]
    fn launch(&self) -> anyhow::Result<ExitCode> {
        belljar::compile::run_launcher(&program()?, flags(!self.unhardened))
            .context("the launcher of compilers failed")?;
        Ok(ExitCode::SUCCESS)
    }

    #[cfg(not(target_os = "linux"))]
    fn launch(&self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("only Linux needs a launcher of compilers");
    }
}

/// The flags of `belljar compile` for compilers with or without their rights.
pub fn flags(hardened: bool) -> &'static [&'static str] {
    match hardened {
        true => &[],
        false => &["--unhardened"],
    }
}

/// The path of this program's file. On Linux the path leads to the same file even if an update replaces the program.
pub fn program() -> anyhow::Result<PathBuf> {
    let itself = Path::new("/proc/self/exe");
    match cfg!(target_os = "linux") && itself.exists() {
        true => Ok(itself.to_owned()),
        false => std::env::current_exe().context("the file of this program cannot be found"),
    }
}
