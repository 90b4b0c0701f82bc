//! The chores of belljar's repository: `cargo xtask COMMAND`.

mod apt;
mod bench;
mod browser;
mod components;
mod languages;
mod library;
mod targets;
mod toolchains;

use std::env;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use xtask::{site, workspace};

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    match run(&command, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, rest: &[String]) -> Result<()> {
    if !["bench", "test"].contains(&command) && !rest.is_empty() {
        bail!(
            "unexpected argument `{}`\n\n{USAGE}\n{}",
            rest.join(" "),
            bench::USAGE
        );
    }
    match command {
        "setup" => setup(),
        "guest" => components::guest(),
        "handlers" => handlers(),
        "site" => site::renew(&workspace::root().join("examples/site")),
        "test" => test(rest),
        "bench" => bench::run(rest),
        "count" => bench::count::run(),
        "" | "help" | "-h" | "--help" => {
            println!("{USAGE}\n{}", bench::USAGE);
            Ok(())
        }
        _ => bail!("no such command\n\n{USAGE}\n{}", bench::USAGE),
    }
}

fn setup() -> Result<()> {
    targets::install()?;
    browser::install()
}

fn handlers() -> Result<()> {
    components::handlers()?;
    languages::handlers()
}

/// Everything the tests need, and then the tests.
///
/// In the profile `checked` and without the handlers, which have no native tests: so that wasmtime, by far
/// the largest dependency, is compiled once for all of them.
fn test(args: &[String]) -> Result<()> {
    setup()?;
    handlers()?;
    println!("== cargo {} {}", TEST.join(" "), args.join(" "));
    let handlers = components::HANDLERS
        .iter()
        .flat_map(|name| ["--exclude", name]);
    call(workspace::cargo().args(TEST).args(handlers).args(args))
}

/// Runs a program to its end; its failure is an error that names it.
fn call(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("`{name}` failed ({status})"),
        Err(error) => bail!("`{name}` could not be started: {error}"),
    }
}

/// What a program prints, or None where it is not there or fails.
fn output(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

const TEST: [&str; 4] = ["test", "--profile", "checked", "--workspace"];

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  setup        install what the tests need: the wasm32-wasip1 and wasm32-wasip2 targets, Chromium, chromedriver
  test [ARGS]  set up, build the example handlers, and run every test; ARGS go to `cargo test`
  guest        build the default guest anew and write guest/default/guest.wasm, which the host embeds
  handlers     build the handlers in examples/ and host/tests/guests/ as components; those in Python and JavaScript
               with tool chains that it takes from PyPI and npm at pinned versions, and keeps in target/tools
  site         renew the compressed twins (.br, .gz, .zst) in examples/site";
