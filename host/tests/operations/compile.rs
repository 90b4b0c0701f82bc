//! Components are compiled in separate processes, within limits, into the server's cache.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::process::{Output, Stdio};

use crate::support::{Server, Site, answering, belljar, component};
use serde_json::Value;

fn compile(file: &std::path::Path, folder: &std::path::Path, memory: u64) -> Output {
    belljar()
        .args(["compile", "--seconds", "60", "--memory"])
        .arg(memory.to_string())
        .arg("--folder")
        .arg(folder)
        .stdin(File::open(file).expect("the component is there"))
        .output()
        .expect("the program starts")
}

/// The compile time that `check` reports: null if the component was compiled before.
fn compiled_in(file: &std::path::Path, cache: &std::path::Path) -> Value {
    let output = belljar()
        .args(["check", "--json"])
        .arg(file)
        .env("XDG_CACHE_HOME", cache)
        .output()
        .expect("the program starts");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["runs"], true, "{report}");
    report["compile_ms"].clone()
}

/// Otherwise the server would compile the component again, in its own process and without limits.
#[test]
fn finds_components_that_another_process_compiled() {
    for name in ["hello", "test_proxy", "test_service"] {
        let cache = Site::new(&[]);
        let file = component(name);
        let folder = cache.at("belljar");
        let mut private = fs::DirBuilder::new();
        private
            .mode(0o700)
            .create(&folder)
            .expect("the folder can be made");
        let output = compile(&file, &folder, 1 << 30);
        assert!(output.status.success(), "{name}: {output:?}");
        assert_eq!(compiled_in(&file, &cache.path()), Value::Null, "{name}");
        let empty = Site::new(&[]);
        assert_ne!(compiled_in(&file, &empty.path()), Value::Null, "{name}");
    }
}

#[test]
fn rejects_other_files_with_one_line() {
    let site = Site::new(&[("text.wasm", "this is no component")]);
    let output = compile(&site.at("text.wasm"), &site.path(), 1 << 30);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("not a WebAssembly component"), "{said}");
}

/// The users that services run as often have no home folder.
#[test]
fn uses_a_temporary_cache_without_a_home_folder() {
    let temporary = Site::new(&[]);
    let file = temporary.write("a.wasm", &answering("1"));
    let mut server = Server::options()
        .arg("--handler")
        .arg(file)
        .command(|command| {
            command
                .env_remove("XDG_CACHE_HOME")
                .env("HOME", "/dev/null")
                .env("TMPDIR", temporary.path())
                .stdin(Stdio::null());
        })
        .start();
    assert_eq!(server.get("/").text(), "1");
    let folders = || {
        let entries = fs::read_dir(temporary.path()).expect("the folder can be listed");
        let names = entries.map(|entry| entry.expect("the entry can be read").file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with("belljar-"))
            .count()
    };
    assert_eq!(folders(), 1, "{}", server.log());
    use rustix::process::{Pid, Signal, kill_process};
    let process = i32::try_from(server.process_id())
        .ok()
        .and_then(Pid::from_raw);
    kill_process(process.expect("the process runs"), Signal::TERM).expect("the signal can be sent");
    assert_eq!(server.wait(), Some(0));
    assert_eq!(folders(), 0, "the temporary cache is removed");
}
