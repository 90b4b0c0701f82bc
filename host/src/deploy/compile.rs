//! Compiles components in processes of their own, with limits on memory and time.
//!
//! A hostile component can make a compiler take all memory and processors of a machine.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytesize::ByteSize;

use super::compile_limits::CompileLimits;
use super::content_hash::ContentHash;
use belljar_sandbox::{CompileTarget, Engine};

/// Starts compiler processes, a few at once.
pub(super) struct Compiler {
    /// The file of this program. Its command `belljar compile` is the compiler.
    program: PathBuf,
    limits: CompileLimits,
    processes: Mutex<Processes>,
    /// Notified when a process ends.
    ended: Condvar,
}

struct Processes {
    /// How many more may be started.
    free: usize,
    /// The components that were compiled since the server started.
    compiled: HashSet<ContentHash>,
}

impl Compiler {
    pub fn new(program: PathBuf, limits: CompileLimits) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            program,
            limits,
            processes: Mutex::new(Processes {
                free: (processors / 2).max(1),
                compiled: HashSet::new(),
            }),
            ended: Condvar::new(),
        }
    }

    /// Compiles a component into the cache of the engine. `name` is the handler's name in the log.
    ///
    /// # Errors
    ///
    /// Fails if the component is invalid or if its compilation exceeds the limits.
    pub fn compile(
        &self,
        engine: &Engine,
        name: &str,
        bytes: &[u8],
        content: ContentHash,
    ) -> Result<(), String> {
        let target = CompileTarget::of(engine, bytes).map_err(|error| error.to_string())?;
        let Some(_permit) = self.permit(content) else {
            return Ok(());
        };
        let mut command = Command::new(&self.program);
        command
            .arg("compile")
            .args(["--memory", &self.limits.memory.to_string()])
            .args([
                "--seconds",
                &self.limits.timeout.as_secs().max(1).to_string(),
            ]);
        if target == CompileTarget::OnDemand {
            command.arg("--anywhere");
        }
        if let Some(folder) = engine.cache_folder() {
            command.arg("--folder").arg(folder);
        }
        self.run(command, name, bytes)?;
        self.lock().compiled.insert(content);
        Ok(())
    }

    /// Waits until a process may be started. Returns `None` if the component is compiled already.
    fn permit(&self, content: ContentHash) -> Option<Permit<'_>> {
        let mut processes = self.lock();
        while processes.free == 0 && !processes.compiled.contains(&content) {
            processes = self
                .ended
                .wait(processes)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if processes.compiled.contains(&content) {
            return None;
        }
        processes.free -= 1;
        Some(Permit(self))
    }

    fn run(&self, mut command: Command, name: &str, bytes: &[u8]) -> Result<(), String> {
        let mut child = command
            // The compiler must not see secrets of the environment. With RUST_BACKTRACE the standard library would print a
            // backtrace after a failed allocation, which needs memory itself and could block for ever.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                format!(
                    "cannot start the compiler {}: {error}",
                    self.program.display()
                )
            })?;
        let (Some(mut input), Some(errors)) = (child.stdin.take(), child.stderr.take()) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err("cannot open the pipes of the compiler".into());
        };
        let (sender, stderr) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                // A compiler that ends early reports the reason on standard error.
                let _ = input.write_all(bytes);
            });
            scope.spawn(move || {
                let mut text = Vec::new();
                let _ = errors.take(MAX_STDERR).read_to_end(&mut text);
                let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
            });
            let timeout = self.limits.timeout.saturating_mul(WALL_CLOCK_FACTOR);
            let text = stderr
                .recv_timeout(timeout.min(LOG_AFTER))
                .or_else(|error| {
                    if error == RecvTimeoutError::Timeout && timeout > LOG_AFTER {
                        tracing::info!(
                            handler = name,
                            "compiling the component; later starts take it from the cache"
                        );
                    }
                    stderr.recv_timeout(timeout.saturating_sub(LOG_AFTER))
                });
            if let Err(RecvTimeoutError::Timeout) = text {
                let _ = child.kill();
            }
            let status = child
                .wait()
                .map_err(|error| format!("cannot wait for the compiler: {error}"))?;
            match text {
                Err(_) => Err(self.too_long()),
                Ok(_) if status.success() => Ok(()),
                Ok(text) => Err(self.reason(status, &text)),
            }
        })
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
            use std::os::unix::process::ExitStatusExt;
            if status.signal() == Some(rustix::process::Signal::XCPU.as_raw()) {
                return self.too_long();
            }
        }
        format!("compilation failed ({status}): {last}")
    }

    fn lock(&self) -> MutexGuard<'_, Processes> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit for one process, returned on drop.
struct Permit<'a>(&'a Compiler);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.ended.notify_all();
    }
}

/// A compilation may take this many times its processor time by the clock, because it gives way to requests.
const WALL_CLOCK_FACTOR: u32 = 4;

/// A compilation that takes longer is logged.
const LOG_AFTER: Duration = Duration::from_secs(1);

/// The exit status of a compiler that rejects the component. The last line on standard error says why.
pub const REFUSED: u8 = 1;

/// Messages of a program that gets no more memory: from Rust's allocator, and from a refused thread or mapping.
const OUT_OF_MEMORY: [&str; 3] = [
    "memory allocation of",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
];

/// Maximum number of bytes that are read from the compiler's standard error.
const MAX_STDERR: u64 = 64 << 10;
