//! `cargo xtask bench`: belljar and its peers side by side, in one run. What is measured, and how, is told in
//! `bench/README.md`. It reports and never judges: no figure makes it fail.

mod client;
pub mod count;
mod endless;
mod goals;
mod load;
mod machine;
mod markdown;
mod memory;
mod options;
mod peer;
mod picture;
mod rates;
mod report;
mod rounds;
mod scratch;
mod server;
mod start;
mod statistics;
mod syscalls;
mod works;

use std::fs;

use anyhow::{Context, Result};
use xtask::workspace;

use options::Options;
use report::Report;
use scratch::Scratch;

/// Runs what the arguments name. A whole run is written to `bench/`, a part of one to `target/bench`.
pub fn run(args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    let scratch = Scratch::make(&options)?;
    let mut report = Report::new(&options, &scratch);
    for work in works::ALL.iter().filter(|work| options.wants(work.name)) {
        report.rates.push(rounds::measure(work, &options, &scratch));
    }
    if options.wants("syscalls") {
        report.syscalls = syscalls::measure(&options, &scratch);
    }
    if options.wants("endless") {
        report.endless = endless::measure(&options, &scratch);
    }
    if options.wants("memory") {
        report.memory = memory::measure(&options, &scratch);
    }
    if options.wants("start") {
        report.start = start::measure(&options, &scratch);
    }

    let folder = match options.is_whole() {
        true => workspace::root().join("bench"),
        false => scratch.folder.clone(),
    };
    let (text, picture) = (report.markdown(), picture::draw(&report));
    println!("\n{text}");
    for (name, content) in [("results.md", text), ("results.svg", picture)] {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// What `cargo xtask help` says of it.
pub const USAGE: &str = "\
  bench [--quick] [--only NAMES] [--peers NAMES] [--against FILE]
               measure belljar beside its peers (see bench/README.md) and write bench/results.md and results.svg;
               NAMES are separated by commas and may end in `*`; FILE is another build of belljar to compare with
  count        count the instructions of a request, by valgrind";
