//! `belljar schema`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use belljar::config::{Config, HandlerConfig};
use clap::Args;

/// Print the JSON schema of belljar.toml, for editors
#[derive(Args)]
pub struct Schema {
    /// Print the schema of the file beside a handler in a folder instead
    #[arg(long)]
    handler: bool,
}

impl Schema {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let schema = match self.handler {
            true => HandlerConfig::schema(),
            false => Config::schema(),
        };
        let text = serde_json::to_string_pretty(&schema)? + "\n";
        let written = std::io::stdout().write_all(text.as_bytes());
        written.context("the schema cannot be written")?;
        Ok(ExitCode::SUCCESS)
    }
}
