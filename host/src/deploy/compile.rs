//! Compiling in a process of its own: a hostile component can make a compiler take all of a machine.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytesize::ByteSize;

use super::content_hash::ContentHash;
use belljar_sandbox::{CompileTarget, Engine};

/// What compiling a component may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes.
    pub memory: u64,
    /// Processor time, on each processor. By the clock it may take four times as long, since it gives way to
    /// requests.
    pub time: Duration,
}

/// Has components compiled, a few at once.
pub(super) struct Compiler {
    /// This program, which compiles when it is told to (`belljar compile`).
    program: PathBuf,
    limits: CompileLimits,
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    /// Processes that may be started beside those that run.
    free: usize,
    /// What was compiled in the life of this process.
    compiled: HashSet<ContentHash>,
}

impl Compiler {
    pub fn new(program: PathBuf, limits: CompileLimits) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            program,
            limits,
            state: Mutex::new(State {
                free: (processors / 2).max(1),
                compiled: HashSet::new(),
            }),
            freed: Condvar::new(),
        }
    }

    /// Has a component compiled to where the engine finds it. `name` is how the log calls its handler.
    ///
    /// # Errors
    ///
    /// Why it could not be: it is damaged, or took more than it may.
    pub fn compile(
        &self,
        engine: &Engine,
        name: &str,
        bytes: &[u8],
        content: ContentHash,
    ) -> Result<(), String> {
        let target = CompileTarget::of(engine, bytes).map_err(|error| error.to_string())?;
        let Some(_place) = self.place(content) else {
            return Ok(());
        };
        let mut command = Command::new(&self.program);
        command
            .arg("compile")
            .args(["--memory", &self.limits.memory.to_string()])
            .args(["--seconds", &self.limits.time.as_secs().max(1).to_string()]);
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

    /// Waits for a place; none where the component was compiled before.
    fn place(&self, content: ContentHash) -> Option<Place<'_>> {
        let mut state = self.lock();
        while state.free == 0 && !state.compiled.contains(&content) {
            state = self
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.compiled.contains(&content) {
            return None;
        }
        state.free -= 1;
        Some(Place(self))
    }

    fn run(&self, mut command: Command, name: &str, bytes: &[u8]) -> Result<(), String> {
        let mut child = command
            // Secrets of the environment are nothing to a compiler. Nor is RUST_BACKTRACE: the standard library would tell
            // of an allocation that failed with a backtrace, which needs memory itself, and could wait for ever.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                format!(
                    "the compiler {} cannot be started: {error}",
                    self.program.display()
                )
            })?;
        let (Some(mut input), Some(errors)) = (child.stdin.take(), child.stderr.take()) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err("the compiler cannot be spoken to".into());
        };
        let (ended, said) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                // One that ended early says why.
                let _ = input.write_all(bytes);
            });
            scope.spawn(move || {
                let mut text = Vec::new();
                let _ = errors.take(MAX_SAID).read_to_end(&mut text);
                let _ = ended.send(String::from_utf8_lossy(&text).into_owned());
            });
            let patience = self.limits.time.saturating_mul(PATIENCE);
            let said = said.recv_timeout(patience.min(LONG)).or_else(|error| {
                if error == RecvTimeoutError::Timeout && patience > LONG {
                    tracing::info!(
                        handler = name,
                        "compiling; the next start finds it compiled"
                    );
                }
                said.recv_timeout(patience.saturating_sub(LONG))
            });
            if let Err(RecvTimeoutError::Timeout) = said {
                let _ = child.kill();
            }
            let status = child
                .wait()
                .map_err(|error| format!("the compiler: {error}"))?;
            match said {
                Err(_) => Err(self.too_long()),
                Ok(_) if status.success() => Ok(()),
                Ok(said) => Err(self.reason(status, &said)),
            }
        })
    }

    fn too_long(&self) -> String {
        format!(
            "it takes longer than {:?} to compile (--compile-timeout)",
            self.limits.time
        )
    }

    fn reason(&self, status: ExitStatus, said: &str) -> String {
        let last = said.trim().lines().last().unwrap_or_default();
        if status.code() == Some(REFUSED.into()) {
            return last.to_owned();
        }
        if OUT_OF_MEMORY.iter().any(|words| said.contains(words)) {
            return format!(
                "it takes more than {} of memory to compile (--compile-memory)",
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
        format!("the compiler came to grief over it ({status}): {last}")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place for a process, given back when it is dropped.
struct Place<'a>(&'a Compiler);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.freed.notify_all();
    }
}

/// How much longer than its processor time a compilation may take.
const PATIENCE: u32 = 4;

/// After this time a compilation is told of.
const LONG: Duration = Duration::from_secs(1);

/// The exit status of a compiler that says by a line why the bytes are no component.
pub const REFUSED: u8 = 1;

/// What is said by a program that gets no more memory: by Rust's allocator, and where a thread or a mapping is refused.
const OUT_OF_MEMORY: [&str; 3] = [
    "memory allocation of",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
];

/// Bytes of what a compiler says that are read.
const MAX_SAID: u64 = 64 << 10;
