//! `belljar completions`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;

/// Print a script with which a shell completes commands and flags
///
/// To load the script into this shell, and to install it for new shells:
///
///     bash  source <(belljar completions bash)
///           belljar completions bash > ~/.local/share/bash-completion/completions/belljar
///     zsh   belljar completions zsh > "${fpath[1]}/_belljar"
///     fish  belljar completions fish > ~/.config/fish/completions/belljar.fish
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Completions {
    shell: Shell,
}

impl Completions {
    /// Prints the script for the command line `belljar`.
    pub fn run(self, mut belljar: Command) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut belljar, "belljar", &mut script);
        let written = std::io::stdout().write_all(&script);
        written.context("the completions cannot be written")?;
        Ok(ExitCode::SUCCESS)
    }
}
