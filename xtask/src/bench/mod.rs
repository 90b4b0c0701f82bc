//! `cargo xtask bench`: measures belljar and its peers in one run. `bench/README.md` describes what is measured and how.
//! No figure makes the command fail.

mod attacks;
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
mod results;
mod rounds;
mod scratch;
mod server;
mod start;
mod statistics;
mod syscalls;
mod template;
mod works;

use std::fs;

use anyhow::{Context, Result};
use xtask::workspace;

pub use options::USAGE;

use options::Options;
use report::Report;
use scratch::Scratch;

/// Measures what the arguments select. Writes the results of a full run to `bench/`, of any other run to
/// `target/bench`.
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
    if options.wants("attacks") {
        report.attacks = attacks::measure(&options, &scratch);
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
    let (text, picture) = (results::markdown(&report), picture::draw(&report));
    println!("\n{text}");
    for (name, content) in [("results.md", text), ("results.svg", picture)] {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
