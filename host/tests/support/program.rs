//! The program under test, components for it, and runs of it that end by themselves.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The program under test.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_belljar"))
}

/// A command for the program under test, without arguments.
pub fn belljar() -> Command {
    with_cache(program())
}

/// A command for the program under test, or for a program that starts it. Compiled code is cached among the files of the
/// tests, so that the tests neither use nor fill the user's cache.
pub fn with_cache(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env(
        "XDG_CACHE_HOME",
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
    );
    command
}

/// A shell that runs a script in a folder, with the environment of a user.
pub fn user_shell(script: &str, folder: &Path) -> Command {
    let mut shell = with_cache("bash");
    shell.args(["-euc", script]).current_dir(folder);
    without_cargo(&mut shell);
    shell
}

/// Gives a command the environment of a user: without the variables that cargo sets for tests. The projects that it builds share
/// what they compile.
pub fn without_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let is_from_cargo = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_") && name != "CARGO_HOME"
                || ["RUSTC", "RUSTFLAGS", "RUST_BACKTRACE", "RUST_LOG"].contains(&name)
        });
        if is_from_cargo {
            command.env_remove(name);
        }
    }
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects");
    command.env("CARGO_BUILD_BUILD_DIR", shared);
}

/// The path of the component `name`, in the target folder of the program under test.
pub fn component(name: &str) -> PathBuf {
    component_for("wasm32-wasip2", name)
}

/// The path of the component `name`, built for one of Rust's targets.
pub fn component_for(target_name: &str, name: &str) -> PathBuf {
    let target = program()
        .ancestors()
        .nth(2)
        .expect("the program lies in a profile's folder of the target directory");
    let path = target
        .join(target_name)
        .join("guest")
        .join(name)
        .with_extension("wasm");
    assert!(
        path.is_file(),
        "{} is missing; run cargo xtask test",
        path.display()
    );
    path
}

/// A handler with these core modules, which are in WebAssembly's text format (see `handler.wat`).
pub fn handler_of(core_modules: &str) -> Vec<u8> {
    handler_of_options(core_modules, "")
}

/// The same with further options of the lifted function, such as `(post-return ...)`.
pub fn handler_of_options(core_modules: &str, options: &str) -> Vec<u8> {
    let text = include_str!("handler.wat")
        .replace(";; the core modules", core_modules)
        .replace(";; the options", options);
    wat::parse_str(text).expect("the text is a component")
}

/// A handler that answers every request with this text.
pub fn answering(text: &str) -> Vec<u8> {
    handler_that(text, "")
}

/// A handler that answers every request with this HTML page.
pub fn answering_page(html: &str) -> Vec<u8> {
    let data = |text: &str| -> String {
        let bytes = text.bytes();
        bytes.map(|byte| format!("\\{byte:02x}")).collect()
    };
    let (page, length) = (data(html), html.len());
    handler_of(&format!(
        r#"(core module $answering
             (memory (export "memory") 1)
             (data (i32.const 64) "\00\01\00\00\0c\00\00\00\20\01\00\00\09\00\00\00")
             (data (i32.const 256) "Content-Type")
             (data (i32.const 288) "text/html")
             (data (i32.const 512) "{page}")
             (global $next (mut i32) (i32.const 8192))
             (func (export "realloc") (param i32 i32 i32 i32) (result i32)
               (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
               (global.get $next)
               (global.set $next (i32.add (global.get $next) (local.get 3))))
             (func (export "handle") (param i32) (result i32)
               (i32.store16 (i32.const 0) (i32.const 200))
               (i32.store (i32.const 4) (i32.const 64))
               (i32.store (i32.const 8) (i32.const 1))
               (i32.store8 (i32.const 16) (i32.const 1))
               (i32.store (i32.const 24) (i32.const 512))
               (i32.store (i32.const 28) (i32.const {length}))
               (i32.const 0)))
           (core instance $main (instantiate $answering))"#
    ))
}

/// A handler that answers every request with this text, and whose instances first run `begins_by`.
pub fn handler_that(text: &str, begins_by: &str) -> Vec<u8> {
    handler_of(&answering_module(text, begins_by))
}

/// A handler that answers every request with this text. `imports` are further imports, in WebAssembly's text format.
pub fn importing(imports: &str, text: &str) -> Vec<u8> {
    handler_of(&format!("{imports} {}", answering_module(text, "")))
}

fn answering_module(text: &str, begins_by: &str) -> String {
    let data: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = text.len();
    format!(
        r#"(core module $answering
             (memory (export "memory") 1)
             (data (i32.const 64) "{data}")
             (global $next (mut i32) (i32.const 8192))
             (func (export "realloc") (param i32 i32 i32 i32) (result i32)
               (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
               (global.get $next)
               (global.set $next (i32.add (global.get $next) (local.get 3))))
             (func $begin {begins_by})
             (start $begin)
             (func (export "handle") (param i32) (result i32)
               (i32.store16 (i32.const 0) (i32.const 200))
               (i32.store8 (i32.const 16) (i32.const 1))
               (i32.store (i32.const 24) (i32.const 64))
               (i32.store (i32.const 28) (i32.const {length}))
               (i32.const 0)))
           (core instance $main (instantiate $answering))"#
    )
}

/// A small component that takes a compiler much memory and time: every jump passes all variables on. The current time is
/// part of it, so that no earlier run can have compiled and cached it.
pub fn exploding(variables: usize, jumps: usize) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("the clock is set").as_nanos() as u64;
    let variable_types = "i64 ".repeat(variables);
    let mut body = format!("(local {variable_types}) (local.set 0 (i64.const {now})) (loop $l ");
    for jump in 0..jumps {
        let [a, b, c] = [1, 7, 31].map(|step| (jump * step + step) % variables);
        body.push_str(&format!(
            "(local.set {a} (i64.add (local.get {b}) (local.get {c}))) (br_if $l (i32.wrap_i64 (local.get {a})))"
        ));
    }
    body.push(')');
    handler_that("", &body)
}

/// The processes that a process has started, and those that they have, each with its arguments.
#[cfg(target_os = "linux")]
pub fn processes_below(ancestor: u32) -> Vec<(u32, String)> {
    let read = |process: u32, file: &str| {
        // Processes may end meanwhile.
        std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default()
    };
    let entries = std::fs::read_dir("/proc").expect("/proc can be listed");
    let all: Vec<(u32, u32)> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|process| {
            let status = read(process, "status");
            let parent = status
                .lines()
                .find_map(|line| line.strip_prefix("PPid:\t"))?;
            Some((process, parent.parse().ok()?))
        })
        .collect();
    let mut ancestors = vec![ancestor];
    let mut found = Vec::new();
    while let Some(ancestor) = ancestors.pop() {
        for (process, parent) in &all {
            if *parent == ancestor {
                ancestors.push(*process);
                found.push((*process, read(*process, "cmdline").replace('\0', " ")));
            }
        }
    }
    found
}

/// The result of a run of the program.
#[derive(Debug)]
pub struct Ended {
    /// The exit code. `None` if a signal ended the program.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program to its end.
pub fn run<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Ended {
    run_command(belljar().args(arguments))
}

/// Runs a command to its end.
pub fn run_command(command: &mut Command) -> Ended {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stdout = read_in_background(child.stdout.take().expect("the output is piped"));
    let stderr = read_in_background(child.stderr.take().expect("the errors are piped"));
    let code = wait(&mut child, Duration::from_secs(60));
    let text =
        |reader: thread::JoinHandle<String>| reader.join().expect("the pipe is read to its end");
    let ended = Ended {
        code: code.flatten(),
        stdout: text(stdout),
        stderr: text(stderr),
    };
    assert!(
        code.is_some(),
        "the program did not end by itself: {ended:?}"
    );
    ended
}

/// Waits for a child process and returns its exit code. Returns `None` and kills the child if that takes longer than
/// `limit`.
pub fn wait(child: &mut Child, limit: Duration) -> Option<Option<i32>> {
    let begin = Instant::now();
    while begin.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            return Some(status.code());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn read_in_background(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
