//! `cargo xtask count`: how many instructions a request takes, which says more of a small change than the clock does.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use xtask::workspace;

use super::machine;
use super::markdown::Table;
use super::statistics::{median, whole};
use crate::components;

/// Prints a table of the instructions for each request, outside of the kernel.
///
/// `host/benches/count.rs` makes requests without sockets, under valgrind, N of them and twice as many; the
/// difference is theirs alone. What a page of files takes cannot be counted: valgrind 3.19 knows no openat2(2).
pub fn run() -> Result<()> {
    if machine::find("valgrind").is_none() {
        bail!("valgrind counts the instructions: apt-get install valgrind");
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

/// Cargo names the program that it built: `Executable benches/count.rs (target/release/deps/count-0123)`.
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
    let built = cargo.output().context("cargo could not be started")?;
    let said = String::from_utf8_lossy(&built.stderr);
    let path = said.lines().find_map(|line| {
        let (_, path) = line.trim().strip_prefix("Executable")?.split_once('(')?;
        path.strip_suffix(')')
    });
    match path {
        Some(path) if built.status.success() => Ok(workspace::root().join(path)),
        _ => bail!("host/benches/count.rs could not be built:\n{said}"),
    }
}

/// Instructions of a whole run. Now and then callgrind fails at a signal of its own: then it is run again.
fn count(driver: &PathBuf, instance: &str, requests: usize) -> Result<f64> {
    let mut said = String::new();
    for _ in 0..ATTEMPTS {
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(driver)
            .args([instance, &requests.to_string()])
            .output()
            .context("valgrind could not be started")?;
        said = String::from_utf8_lossy(&run.stderr).into_owned();
        if let Some(count) = run.status.success().then(|| refs(&said)).flatten() {
            return Ok(count);
        }
    }
    bail!("valgrind failed {ATTEMPTS} times:\n{said}")
}

/// Of a line such as `==1234== I   refs:      57,477,391`.
fn refs(said: &str) -> Option<f64> {
    let count = said.lines().find_map(|line| line.split_once("refs:"))?.1;
    count.trim().replace(',', "").parse().ok()
}

const REQUESTS: usize = 500;
const ROUNDS: usize = 3;
const ATTEMPTS: usize = 5;

#[cfg(test)]
mod tests {
    use super::refs;

    #[test]
    fn the_line_of_valgrind() {
        assert_eq!(
            refs("==1== \n==1== I   refs:      57,477,391\n"),
            Some(57_477_391.0)
        );
        assert_eq!(refs("==1== aborted"), None);
    }
}
