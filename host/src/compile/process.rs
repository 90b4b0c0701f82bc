//! Runs a compiler process: passes it a component, and receives the artefact or the reason of a refusal.

use std::io::Read;
use std::process::ExitStatus;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use belljar_sandbox::Chain;
use bytesize::ByteSize;

use super::child::REFUSED;
use super::input;
use super::limits::CompileLimits;
use super::pipes;
use super::starter::Starter;
use super::task::Task;

pub(super) struct CompilerProcess<'a> {
    pub starter: &'a Starter,
    pub limits: &'a CompileLimits,
    pub task: Task,
}

impl CompilerProcess<'_> {
    /// Compiles a component. Returns its artefact.
    ///
    /// # Errors
    ///
    /// Fails if the component is invalid or if its compilation exceeds the limits.
    pub fn run(&self, name: &str, chain: &Chain<'_>) -> Result<Vec<u8>, String> {
        let (own, theirs) = pipes::open()
            .map_err(|error| format!("cannot open the pipes of the compiler: {error}"))?;
        let mut child = self
            .starter
            .start(self.task, theirs)
            .map_err(|error| format!("cannot start the compiler: {error}"))?;
        let (running, ended) = mpsc::channel::<()>();
        let most = self.limits.output.saturating_add(1);
        thread::scope(|scope| {
            scope.spawn(move || {
                // A compiler that ends early reports the reason on standard error.
                let _ = input::write(chain, own.input);
            });
            let still_running = running.clone();
            let output = scope.spawn(move || read(own.output, most, still_running));
            let errors = scope.spawn(move || read(own.errors, MAX_STDERR, running));
            let in_time = self.wait(name, &ended);
            if !in_time {
                child.kill();
            }
            let status = child
                .wait()
                .map_err(|error| format!("cannot wait for the compiler: {error}"))?;
            let output = output.join().unwrap_or_default();
            let errors = errors.join().unwrap_or_default();
            if !in_time {
                return Err(self.too_long());
            }
            if output.len() as u64 > self.limits.output {
                return Err(format!(
                    "the compiled component has more than {}; raise --compile-output to allow more",
                    ByteSize::b(self.limits.output)
                ));
            }
            match status.success() {
                true => Ok(output),
                false => Err(self.reason(status, &String::from_utf8_lossy(&errors))),
            }
        })
    }

    /// Waits until the process has closed its pipes. Returns false if that takes too long.
    fn wait(&self, name: &str, ended: &mpsc::Receiver<()>) -> bool {
        let timeout = self.limits.timeout.saturating_mul(WALL_CLOCK_FACTOR);
        // Nothing is sent: the channel is closed when both pipes are.
        let is_timeout = |time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
        if !is_timeout(timeout.min(LOG_AFTER)) {
            return true;
        }
        if timeout > LOG_AFTER {
            tracing::info!(
                handler = name,
                "compiling the component; later starts take it from the cache"
            );
        }
        !is_timeout(timeout.saturating_sub(LOG_AFTER))
    }

    fn too_long(&self) -> String {
        format!(
            "compilation takes longer than {:?}; raise --compile-timeout to allow more",
            self.limits.timeout
        )
    }

    fn reason(&self, status: ExitStatus, stderr: &str) -> String {
        let last = stderr.trim().lines().last().unwrap_or_default();
        if status.code() == Some(REFUSED.into()) {
            return last.to_owned();
        }
        if OUT_OF_MEMORY.iter().any(|words| stderr.contains(words)) {
            return format!(
                "compilation takes more than {} of memory; raise --compile-memory to allow more",
                ByteSize::b(self.limits.memory)
            );
        }
        #[cfg(unix)]
        {
            use rustix::process::Signal;
            use std::os::unix::process::ExitStatusExt;
            if status.signal() == Some(Signal::XCPU.as_raw()) {
                return self.too_long();
            }
            if status.signal() == Some(Signal::KILL.as_raw()) {
                return "the compiler was killed (SIGKILL), as the system does when memory runs out; allow the server \
                        more memory, or lower --compile-memory so that large components are refused"
                    .into();
            }
        }
        format!("compilation failed ({status}): {last}")
    }
}

/// Reads up to `most` bytes of a pipe, and then closes it. The caller learns of the end because `running` is dropped.
fn read(pipe: impl Read, most: u64, running: mpsc::Sender<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What a broken pipe lacks shows in the exit status.
    let _ = pipe.take(most).read_to_end(&mut bytes);
    drop(running);
    bytes
}

/// A compilation may take this many times its processor time by the clock, because it gives way to requests.
const WALL_CLOCK_FACTOR: u32 = 4;

/// A compilation that takes longer is logged.
const LOG_AFTER: Duration = Duration::from_secs(1);

/// Messages of a program that gets no more memory: from Rust's allocator, and from a refused thread or mapping.
const OUT_OF_MEMORY: [&str; 3] = [
    "memory allocation of",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
];

/// Maximum number of bytes that are read from the compiler's standard error.
const MAX_STDERR: u64 = 64 << 10;
