//! `belljar compile`, the process that a server starts to compile a component. Users do not call it.

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
    /// Maximum memory of this process, in bytes
    #[arg(long)]
    memory: u64,

    /// Processor time of this process, in seconds for each processor
    #[arg(long)]
    seconds: u64,

    /// Folder of compiled components
    #[arg(long)]
    folder: Option<PathBuf>,

    /// Compile for instances outside of the pool
    #[arg(long)]
    anywhere: bool,
}

impl Compile {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        // The limits come first: the component is not trusted.
        self.restrict()
            .context("the limits of this process cannot be set")?;
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
            // An existing limit may be lower, and is not raised.
            let there = getrlimit(resource).maximum.unwrap_or(u64::MAX);
            let limit = Rlimit {
                current: Some(most.min(there)),
                maximum: Some(most.saturating_add(1).min(there)),
            };
            setrlimit(resource, limit)
        };
        // Linux can count the memory that is used; elsewhere only the mapped memory is counted.
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
        // The server's own threads come first. Without permission the compilation runs at normal priority.
        let _ = nice(NICE);
        // Only the server uses the compiled component, so the process ends with the server.
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        Ok(())
    }

    #[cfg(not(unix))]
    fn restrict(&self) -> std::io::Result<()> {
        // The server that started this process limits its wall-clock time.
        let _ = (self.memory, self.seconds);
        Ok(())
    }
}

/// The amount by which the priority of this process is below the server's.
#[cfg(unix)]
const NICE: i32 = 5;
