//! `cargo xtask test`: all tests, or with `--fast` the tests that need nothing but Rust.
//!
//! All tests use the profile `checked`, so that wasmtime, by far the largest dependency, is compiled once.

use anyhow::Result;
use xtask::workspace;

use crate::background::Background;
use crate::process::call;
use crate::{
    apt, browser, cargo_component, checks, components, databases, languages, package_check,
    packages, targets,
};

pub fn run(args: &[String]) -> Result<()> {
    match args {
        [first, rest @ ..] if first == "--fast" => fast(rest),
        _ => all(args),
    }
}

/// Installs the tools that the tests need beside Rust's targets, and builds the handlers that need them.
pub fn tools() -> Result<()> {
    browser::install()?;
    // For tests in a network of their own.
    if cfg!(target_os = "linux") {
        apt::need("ip", "iproute2")?;
    }
    databases::install()?;
    languages::handlers()?;
    cargo_component::install()
}

/// The command that calls [`tools`].
pub const TOOLS: &str = "tools";

/// Checks format and lints, and runs the tests that start no server.
fn fast(args: &[String]) -> Result<()> {
    checks::lint()?;
    if args.is_empty() {
        cargo_test(&packages::library(), &[])?;
    }
    let targets = vec!["--lib", "--bins", "--test", "up_to_date"];
    cargo_test(&[packages::server(), targets].concat(), args)
}

/// Installs everything that the tests need, builds the handlers, and runs all tests.
fn all(args: &[String]) -> Result<()> {
    targets::install()?;
    // These installations mostly wait for the network, and the build of wasmtime often leaves a processor idle.
    println!("== installing missing tools, while cargo builds the handlers and the tests");
    let tools = Background::start(TOOLS)?;
    components::handlers()?;
    if args.is_empty() {
        cargo_test(&[packages::server(), vec!["--no-run"]].concat(), &[])?;
    }
    tools.finish()?;
    cargo_component::hello()?;
    if args.is_empty() {
        cargo_test(&packages::library(), &[])?;
    }
    cargo_test(&packages::server(), args)?;
    match args.is_empty() {
        true => package_check::run(),
        false => Ok(()),
    }
}

fn cargo_test(selected: &[&str], args: &[String]) -> Result<()> {
    let test = ["test", "--profile", "checked"];
    let line = [&test, selected].concat().join(" ");
    println!("== cargo {line} {}", args.join(" "));
    call(workspace::cargo().args(test).args(selected).args(args))
}
