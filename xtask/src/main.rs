//! The development tasks of belljar's repository: `cargo xtask COMMAND`.

mod apt;
mod archive;
mod background;
mod bench;
mod browser;
mod cargo_component;
mod checks;
mod components;
mod databases;
mod deny;
mod languages;
mod library;
mod package_check;
mod packages;
mod process;
mod relink;
mod rust_toolchain;
mod soak;
mod sources;
mod targets;
mod test;
mod toolchains;

use std::env;
use std::process::ExitCode;

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
    if !["bench", "lint", "soak", "test"].contains(&command) && !rest.is_empty() {
        bail!("unexpected argument `{}`\n\n{}", rest.join(" "), usage());
    }
    match command {
        "test" => test::run(rest),
        "lint" if rest.is_empty() => checks::lint(),
        "lint" if rest == ["--components"] => checks::lint_components(),
        "doc" => checks::document(),
        "archive" => archive::run(),
        "deny" => deny::run(),
        "package" => package_check::run(),
        "setup" => setup(),
        test::TOOLS => test::tools(),
        "guest" => components::guest(),
        "handlers" => handlers(),
        "site" => site::renew(&workspace::root().join("examples/site")),
        "bench" => bench::run(rest),
        "count" => bench::count::run(),
        "soak" => soak::run(rest),
        "" | "help" | "-h" | "--help" => {
            println!("{}", usage());
            Ok(())
        }
        "lint" => bail!("unexpected argument `{}`\n\n{}", rest.join(" "), usage()),
        _ => bail!("no such command\n\n{}", usage()),
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

fn usage() -> String {
    format!("{USAGE}\n{}\n{}", bench::USAGE, soak::USAGE)
}

const USAGE: &str = "\
Run a development task of this repository

Usage: cargo xtask COMMAND

Commands:
  test [ARGS]  Install what the tests need, build the test handlers and run all tests; ARGS are passed to `cargo test`
  test --fast [ARGS]
               Check format and lints, then run the unit tests and the tests of belljar-http; needs neither the
               WebAssembly targets nor a browser nor other tool chains
  lint         Check the format and the lints; with --components, check the lints of the WebAssembly components
  doc          Build the API documentation and fail on warnings
  deny         Check the licences and sources of all dependencies against deny.toml, and warn of duplicates
  package      Package the crates as for crates.io, and build and run them outside of this repository
  archive      Build the program for a release, and pack it into an archive for `cargo binstall`
  setup        Install the targets wasm32-wasip1 and wasm32-wasip2, Chromium and chromedriver
  tools        Install Chromium, chromedriver, cargo-component and the tool chains of Python and JavaScript, and build
               the handlers in Python and JavaScript
  handlers     Build the handlers in examples/ and host/tests/guests/ as components; install the tool chains of Python
               and JavaScript in target/tools
  guest        Rebuild the default guest and write guest/default/guest.wasm, which the host embeds
  site         Renew the compressed copies (.br, .gz, .zst) of the files in examples/site";
