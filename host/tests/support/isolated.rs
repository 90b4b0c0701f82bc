//! Tests in a network and with a list of mounts of their own, in a process of their own.

use std::path::Path;
use std::process::Command;

/// Runs an ignored test of this program in a network and with a list of mounts of its own.
///
/// # Panics
///
/// If it does not pass.
pub fn run_isolated(test: &str) {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new("unshare")
        .args(["--net", "--mount", "--map-root-user"])
        .arg(program)
        .args(["--ignored", "--exact", "--nocapture", test])
        .output()
        .expect("unshare can be started");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

/// Mounts a disk of this size, such as `4m`. Only in a test that runs isolated.
pub fn mount_disk(folder: &Path, size: &str) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    run(&format!(
        "mount -t tmpfs -o size={size} none {}",
        folder.display()
    ));
}

/// Runs a command whose arguments are separated by white space.
pub(super) fn run(command: &str) {
    let mut words = command.split_whitespace();
    let status = Command::new(words.next().unwrap_or_default())
        .args(words)
        .status()
        .unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(status.success(), "{command}: {status}");
}
