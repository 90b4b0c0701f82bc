//! The compiler process: reads a component, compiles it within its limits, and hands over the artefact.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use belljar_sandbox::{Artefact, Chain, CompileTarget, Effort};

use super::compose::compose;
use super::input::Input;

/// What `belljar compile` does. The component comes on standard input, after the middleware in front of it, and the artefact
/// goes to standard output.
pub struct Child {
    /// Maximum memory in bytes.
    pub memory: u64,
    /// Processor time in seconds, for each processor.
    pub seconds: u64,
    pub target: CompileTarget,
    pub effort: Effort,
    /// The number of middleware in front of the component.
    pub middleware: u64,
    /// Gives up what the process does not need. None: the process keeps its rights.
    pub harden: Option<fn() -> std::io::Result<()>>,
}

impl Child {
    /// # Errors
    ///
    /// Fails if the limits cannot be set, or if a pipe breaks. A component that is refused is an exit status.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        // The limits come first: the component is not trusted.
        self.restrict()
            .context("the limits of this process cannot be set")?;
        if let Some(harden) = self.harden {
            harden().context(
                "the compiler cannot give up its rights; --no-hardening compiler does without that",
            )?;
        }
        let input = Input::read(std::io::stdin().lock(), self.middleware)
            .context("the component cannot be read")?;
        match self.compile(&input.chain()) {
            Ok(artefact) => {
                let mut output = std::io::stdout().lock();
                output
                    .write_all(artefact.bytes())
                    .and_then(|()| output.flush())
                    .context("the artefact cannot be written")?;
                Ok(ExitCode::SUCCESS)
            }
            Err(reason) => {
                eprintln!("{reason}");
                Ok(ExitCode::from(REFUSED))
            }
        }
    }

    fn compile(&self, chain: &Chain<'_>) -> Result<Artefact, String> {
        if self.middleware == 0 {
            return self.compile_component(chain.handler());
        }
        let composed = compose(chain).map_err(|error| {
            let reason = format!("{error:#}").replace('\n', " ");
            format!(
                "its middleware cannot be composed with it: {reason}; build all of them for the same version of wasi:http"
            )
        })?;
        self.compile_component(&composed).map_err(|reason| {
            // The reason may be in any part.
            let mut middleware = chain.middleware();
            let found = middleware.find_map(|(name, component)| {
                let reason = self.compile_component(component).err()?;
                Some(format!("the middleware {name}: {reason}"))
            });
            found.unwrap_or(reason)
        })
    }

    fn compile_component(&self, component: &[u8]) -> Result<Artefact, String> {
        let compiled = self.target.compile(self.effort, component);
        compiled.map_err(|error| error.to_string())
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
        // Should the machine run out of memory all the same, the kernel ends this process and not the server.
        #[cfg(target_os = "linux")]
        let _ = std::fs::write("/proc/self/oom_score_adj", MOST_EXPENDABLE);
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

/// The exit status of a compiler that rejects the component. The last line on standard error says why.
pub const REFUSED: u8 = 1;

/// The highest value of `oom_score_adj` (proc(5)).
#[cfg(target_os = "linux")]
const MOST_EXPENDABLE: &str = "1000";

/// The amount by which the priority of this process is below the server's.
#[cfg(unix)]
const NICE: i32 = 5;
