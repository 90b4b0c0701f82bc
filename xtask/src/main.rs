//! The chores of belljar's repository: `cargo xtask COMMAND`.

mod apt;
mod bench;
mod browser;
mod cargo_component;
mod components;
mod languages;
mod library;
mod process;
mod rust_toolchain;
mod sources;
mod targets;
mod toolchains;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};
use process::call;
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
/// In the profile `checked`, so that wasmtime, by far the largest dependency, is compiled once for all of them. What
/// belongs to handlers is tested apart from the server, or its dependencies would change those of wasmtime.
fn test(args: &[String]) -> Result<()> {
    setup()?;
    handlers()?;
    cargo_component::hello()?;
    if args.is_empty() {
        println!(
            "== cargo {} --all-features, of what handlers are made with",
            TEST.join(" ")
        );
        let packages = components::TESTED
            .iter()
            .flat_map(|name| ["--package", name]);
        call(
            workspace::cargo()
                .args(TEST)
                .arg("--all-features")
                .args(packages),
        )?;
    }
    println!("== cargo {} --workspace {}", TEST.join(" "), args.join(" "));
    let others = [components::HANDLERS, components::TESTED].concat();
    let others = others.iter().flat_map(|name| ["--exclude", name]);
    call(
        workspace::cargo()
            .args(TEST)
            .arg("--workspace")
            .args(others)
            .args(args),
    )
}

const TEST: [&str; 3] = ["test", "--profile", "checked"];

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  setup        install what the tests need: the wasm32-wasip1 and wasm32-wasip2 targets, Chromium, chromedriver
  test [ARGS]  set up, build the handlers, with cargo-component too, which it keeps in target/tools, and run every test;
               ARGS go to `cargo test`
  guest        build the default guest anew and write guest/default/guest.wasm, which the host embeds
  handlers     build the handlers in examples/ and host/tests/guests/ as components; those in Python and JavaScript
               with tool chains that it takes from PyPI and npm at pinned versions, and keeps in target/tools
  site         renew the compressed twins (.br, .gz, .zst) in examples/site";
