//! `belljar compile`: what a server starts for each component that it compiles. People have no use for it.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use belljar::deploy::REFUSED;
use belljar_sandbox::CompileTarget;
use clap::Args;

/// Compile the component on standard input into a folder
#[derive(Args)]
pub struct Compile {
    /// Bytes of memory that this process may take
    #[arg(long)]
    memory: u64,

    /// How long it may keep each processor busy
    #[arg(long)]
    seconds: u64,

    /// The folder of compiled components
    #[arg(long)]
    folder: Option<PathBuf>,

    /// For instances that are not in a pool
    #[arg(long)]
    anywhere: bool,
}

impl Compile {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        // Before anything of the component is seen.
        self.restrict()
            .context("this process cannot be kept within its limits")?;
        let mut component = Vec::new();
        std::io::stdin()
            .read_to_end(&mut component)
            .context("the component cannot be read")?;
        let target = match self.anywhere {
            true => CompileTarget::OnDemand,
            false => CompileTarget::Pool,
        };
        Ok(match target.compile(&component, self.folder.as_deref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("{reason}");
                ExitCode::from(REFUSED)
            }
        })
    }

    #[cfg(unix)]
    fn restrict(&self) -> std::io::Result<()> {
        use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
        let limit = |resource, most: u64| {
            // One that is there may be lower, and is not to be raised.
            let there = getrlimit(resource).maximum.unwrap_or(u64::MAX);
            let limit = Rlimit {
                current: Some(most.min(there)),
                maximum: Some(most.saturating_add(1).min(there)),
            };
            setrlimit(resource, limit)
        };
        // Linux counts what is written to; elsewhere only all that is mapped is counted.
        #[cfg(target_os = "linux")]
        limit(Resource::Data, self.memory)?;
        #[cfg(not(target_os = "linux"))]
        limit(Resource::As, self.memory)?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        limit(
            Resource::Cpu,
            self.seconds.saturating_mul(processors as u64),
        )?;
        limit(Resource::Core, 0)?;
        // The server's own threads come first. Where this is not allowed it is no reason to stop.
        let _ = nice(NICE);
        // Nobody would take what it makes.
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        Ok(())
    }

    #[cfg(not(unix))]
    fn restrict(&self) -> std::io::Result<()> {
        // The wall clock is kept by whoever started it.
        let _ = (self.memory, self.seconds);
        Ok(())
    }
}

/// Steps down from the priority of the server.
#[cfg(unix)]
const NICE: i32 = 5;
