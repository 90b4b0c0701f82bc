//! Components are compiled in separate processes, within limits, and their artefacts are kept in a cache.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use crate::support::{Server, Site, answering, belljar, component};
use serde_json::Value;

/// The report of `check`, with this cache folder.
fn check(file: &Path, cache: &Path, flags: &[&str]) -> Value {
    let output: Output = belljar()
        .args(["check", "--json"])
        .arg(file)
        .args(flags)
        .env("XDG_CACHE_HOME", cache)
        .output()
        .expect("the program starts");
    serde_json::from_slice(&output.stdout).expect("a report")
}

/// The compile time that `check` reports: null if the artefact was in the cache.
fn compiled_in(file: &Path, cache: &Path) -> Value {
    let report = check(file, cache, &[]);
    assert_eq!(report["runs"], true, "{report}");
    report["compile_ms"].clone()
}

/// The files in the cache.
fn artefacts(cache: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(cache.join("belljar")) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("the entry can be read").path());
    paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "cwasm")
        })
        .collect()
}

#[test]
fn keeps_artefacts_in_the_cache() {
    for name in ["hello", "test_proxy", "test_service"] {
        let cache = Site::new(&[]);
        let file = component(name);
        assert_ne!(compiled_in(&file, &cache.path()), Value::Null, "{name}");
        assert_eq!(compiled_in(&file, &cache.path()), Value::Null, "{name}");
    }
}

/// What is in the cache runs without a further check, so nothing that may have been changed is used.
#[test]
fn compiles_again_what_the_cache_has_damaged() {
    let cache = Site::new(&[]);
    let file = component("hello");
    compiled_in(&file, &cache.path());
    let artefact = artefacts(&cache.path()).pop().expect("an artefact");
    let whole = fs::read(&artefact).expect("the artefact can be read");
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("it has bytes") ^= 1;
    let no_bytes = Vec::new();
    for (what, bytes) in [
        ("cut short", &whole[..whole.len() / 2]),
        ("only a digest", &whole[..32]),
        ("empty", &no_bytes),
        ("flipped", &flipped),
    ] {
        fs::write(&artefact, bytes).expect("the artefact can be written");
        assert_ne!(compiled_in(&file, &cache.path()), Value::Null, "{what}");
        assert_eq!(compiled_in(&file, &cache.path()), Value::Null, "{what}");
    }
    let writable = fs::Permissions::from_mode(0o666);
    fs::set_permissions(&artefact, writable).expect("the permissions can be set");
    assert_ne!(compiled_in(&file, &cache.path()), Value::Null, "writable");
    // Another component's artefact under this name.
    compiled_in(&component("untrusted"), &cache.path());
    let other = artefacts(&cache.path())
        .into_iter()
        .find(|other| *other != artefact);
    fs::copy(other.expect("a second artefact"), &artefact).expect("the artefact can be written");
    assert_ne!(compiled_in(&file, &cache.path()), Value::Null, "exchanged");
    let elsewhere = cache.at("elsewhere");
    fs::rename(&artefact, &elsewhere).expect("the artefact can be moved");
    cache.symlink(&elsewhere, "belljar/link");
    fs::rename(cache.at("belljar/link"), &artefact).expect("the link can be moved");
    assert_ne!(compiled_in(&file, &cache.path()), Value::Null, "a link");
}

#[test]
fn removes_the_artefacts_that_were_not_used_for_longest() {
    let cache = Site::new(&[]);
    let [first, second] = ["hello", "untrusted"].map(component);
    for file in [&first, &second] {
        compiled_in(file, &cache.path());
    }
    let size = |file: &PathBuf| fs::metadata(file).expect("the file is there").len();
    let most: u64 = artefacts(&cache.path()).iter().map(size).sum();
    assert_eq!(compiled_in(&first, &cache.path()), Value::Null);
    let third = cache.write("third.wasm", &answering("third"));
    let report = check(
        &third,
        &cache.path(),
        &["--compile-cache", &most.to_string()],
    );
    assert_ne!(report["compile_ms"], Value::Null, "{report}");
    let left: u64 = artefacts(&cache.path()).iter().map(size).sum();
    assert!(left <= most, "{left} bytes are left, of {most}");
    assert_eq!(compiled_in(&third, &cache.path()), Value::Null);
    assert_eq!(compiled_in(&first, &cache.path()), Value::Null);
    assert_ne!(compiled_in(&second, &cache.path()), Value::Null);
}

#[test]
fn refuses_artefacts_beyond_the_limit() {
    let site = Site::new(&[]);
    let report = check(
        &component("hello"),
        &site.path(),
        &["--compile-output", "4KiB"],
    );
    assert_eq!(report["runs"], false, "{report}");
    let error = report["error"].as_str().expect("an error");
    assert!(error.contains("--compile-output"), "{error}");
    assert_eq!(artefacts(&site.path()), Vec::<PathBuf>::new());
}

#[test]
fn rejects_other_files_with_one_line() {
    let site = Site::new(&[("text.wasm", "this is no component")]);
    let output = belljar()
        .args(["compile", "--seconds", "60", "--memory", "1000000000"])
        .stdin(File::open(site.at("text.wasm")).expect("the file is there"))
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("not a WebAssembly component"), "{said}");
    assert!(output.stdout.is_empty(), "{output:?}");
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
