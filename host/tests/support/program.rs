//! The program under test, its components, and runs of it that end by themselves.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program under test.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_belljar"))
}

/// Where the component `name` was built to: beside the program's own profile in the target directory.
pub fn component(name: &str) -> PathBuf {
    component_for("wasm32-wasip2", name)
}

/// The same of another of Rust's targets.
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
        "{} is missing: run cargo xtask test",
        path.display()
    );
    path
}

/// A handler made of these core modules, in WebAssembly's text format (see `handler.wat`).
pub fn handler_of(core_modules: &str) -> Vec<u8> {
    let text = include_str!("handler.wat").replace(";; the core modules", core_modules);
    wat::parse_str(text).expect("the text is a component")
}

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Ended {
    /// None where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program to its end.
pub fn run<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Ended {
    let mut child = Command::new(program())
        .args(arguments)
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

/// Waits for the child; None, and the child killed, where it takes longer than `patience`.
pub fn wait(child: &mut Child, patience: Duration) -> Option<Option<i32>> {
    let begin = Instant::now();
    while begin.elapsed() < patience {
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
