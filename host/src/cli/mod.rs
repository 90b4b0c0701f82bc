//! The command line: what can be said, and what is said back when it goes wrong.

mod check;
mod compile;
mod get;
mod grants;
mod new;
mod schema;
mod serve;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Serves a folder, or any handler built as a WebAssembly component, every request in a sandbox of its own.
#[derive(Parser)]
#[command(name = "belljar", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Get(get::Get),
    Check(Box<check::Check>),
    New(new::New),
    Schema(schema::Schema),
    #[command(hide = true)]
    Compile(compile::Compile),
}

/// Runs the program to its end.
///
/// Exit status: 0 when all went well; 1 when `get` was answered with an error or not at all, or when `check` found what
/// `serve` could not run; 2 when the command could not be carried out as given.
pub fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Get(get) => get.run(),
        Command::Check(check) => check.run(),
        Command::New(new) => new.run(),
        Command::Schema(schema) => schema.run(),
        Command::Compile(compile) => compile.run(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("belljar: {error:#}");
        ExitCode::from(2)
    })
}
