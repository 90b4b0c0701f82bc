//! The command line: subcommands, flags and exit status.

mod check;
mod compile;
mod completions;
mod dev;
mod flags;
mod get;
mod grants;
mod hardening;
mod limits;
mod man;
mod new;
mod schema;
mod serve;
mod signals;
mod tools;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// HTTP server that answers every request with a WebAssembly component in a sandbox of its own
#[derive(Parser)]
#[command(name = "belljar", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Dev(dev::Dev),
    Get(get::Get),
    Check(Box<check::Check>),
    New(new::New),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
    #[command(hide = true)]
    Compile(compile::Compile),
}

/// Runs the program.
///
/// Exit status: 0 on success; 1 if `get` received an error or no response, or if `check` found something that `serve` could
/// not run; 2 if the command cannot be carried out.
pub fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Dev(dev) => dev.run(),
        Command::Get(get) => get.run(),
        Command::Check(check) => check.run(),
        Command::New(new) => new.run(),
        Command::Schema(schema) => schema.run(),
        Command::Completions(completions) => completions.run(Arguments::command()),
        Command::Man(man) => man.run(Arguments::command()),
        Command::Compile(compile) => compile.run(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("belljar: {error:#}");
        ExitCode::from(2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
