//! `cargo xtask count`: the number of instructions for a request. It shows a small change better than the clock does.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use xtask::workspace;

use super::machine;
use super::markdown::Table;
use super::statistics::{median, whole};
use crate::components;

/// Prints a table of the instructions for each request, without those in the kernel.
///
/// `host/benches/count.rs` answers N and then 2 N requests under valgrind, without sockets. The difference leaves out
/// what happens once. Requests for files cannot be counted, because valgrind 3.19 does not support openat2(2).
pub fn run() -> Result<()> {
    if machine::find("valgrind").is_none() {
        bail!(
            "cannot count instructions: valgrind is not installed; run `apt-get install valgrind`"
        );
    }
    components::handlers()?;
    let driver = build()?;
    let mut table = Table::new(&["hello", "instructions a request", "least - most"]);
    for (instance, title) in [("fresh", "fresh instance"), ("kept", "instance kept")] {
        let mut counts = Vec::new();
        // The first run may have to compile the component.
        count(&driver, instance, 1)?;
        for _ in 0..ROUNDS {
            let some = count(&driver, instance, REQUESTS)?;
            let more = count(&driver, instance, 2 * REQUESTS)?;
            counts.push((more - some) / REQUESTS as f64);
        }
        let least = counts.iter().copied().fold(f64::MAX, f64::min);
        let most = counts.iter().copied().fold(0.0, f64::max);
        table.row([
            title.to_owned(),
            whole(median(counts).unwrap_or(f64::NAN)),
            format!("{} - {}", whole(least), whole(most)),
        ]);
    }
    println!("\n{}", table.text());
    Ok(())
}

/// Builds the program and returns its path. Cargo prints the path as `Executable benches/count.rs (target/release/deps/count-0123)`.
fn build() -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.args([
        "bench",
        "--package",
        "belljar",
        "--bench",
        "count",
        "--no-run",
    ]);
    let built = cargo.output().context("cannot start cargo")?;
    let output = String::from_utf8_lossy(&built.stderr);
    let path = output.lines().find_map(|line| {
        let (_, path) = line.trim().strip_prefix("Executable")?.split_once('(')?;
        path.strip_suffix(')')
    });
    match path {
        Some(path) if built.status.success() => Ok(workspace::root().join(path)),
        _ => bail!("cannot build host/benches/count.rs:\n{output}"),
    }
}

/// The instructions of a whole run. Now and then callgrind fails on a signal of its own; then it is run again.
fn count(driver: &PathBuf, instance: &str, requests: usize) -> Result<f64> {
    let mut output = String::new();
    for _ in 0..ATTEMPTS {
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(driver)
            .args([instance, &requests.to_string()])
            .output()
            .context("cannot start valgrind")?;
        output = String::from_utf8_lossy(&run.stderr).into_owned();
        if let Some(count) = run.status.success().then(|| refs(&output)).flatten() {
            return Ok(count);
        }
    }
    bail!("valgrind failed {ATTEMPTS} times:\n{output}")
}

/// Reads the number from a line such as `==1234== I   refs:      57,477,391`.
fn refs(output: &str) -> Option<f64> {
    let count = output.lines().find_map(|line| line.split_once("refs:"))?.1;
    count.trim().replace(',', "").parse().ok()
}

const REQUESTS: usize = 500;
const ROUNDS: usize = 3;
const ATTEMPTS: usize = 5;

#[cfg(test)]
mod tests {
    use super::refs;

    #[test]
    fn reads_the_number_of_instructions() {
        assert_eq!(
            refs("==1== \n==1== I   refs:      57,477,391\n"),
            Some(57_477_391.0)
        );
        assert_eq!(refs("==1== aborted"), None);
    }
}
