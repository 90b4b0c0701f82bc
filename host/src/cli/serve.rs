//! `belljar serve`.

mod hardening;
mod memory;
mod process;
pub(super) mod service;
mod site;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use belljar::compile::CompileLimits;
use belljar::config::Config;
use belljar::server::{self, Stderr};
use belljar_sandbox::Effort;
use clap::Args;

use self::service::Service;
use self::site::SiteFlags;
use super::flags::{SettingFlags, VALUES, ids};
use super::hardening::HardeningFlags;

/// Serve a folder, a handler, a folder of handlers, or the sites of a config file
#[derive(Args)]
#[command(after_help = VALUES)]
pub struct Serve {
    /// Serve from this config file; reload it when it changes. See docs/configuration.md
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ids::<SiteFlags>())]
    config: Option<PathBuf>,

    /// Development mode: show in the browser why a handler failed, and look for changes more often
    #[arg(long)]
    dev: bool,

    /// Log the heads of requests and responses instead of the access log
    #[arg(short, long)]
    verbose: bool,

    #[command(flatten)]
    site: SiteFlags,

    #[command(flatten)]
    compile: SettingFlags<CompileLimits>,

    #[command(flatten)]
    hardening: HardeningFlags,
}

impl Serve {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let stderr = Stderr::default();
        server::log_to(stderr.clone(), std::io::stderr().is_terminal());
        let outcome = self.serve(&stderr);
        stderr.flush();
        outcome.map(|()| ExitCode::SUCCESS)
    }

    fn serve(self, stderr: &Stderr) -> anyhow::Result<()> {
        let config = match &self.config {
            Some(file) => Config::read(file).map_err(|problems| anyhow::anyhow!("{problems}"))?,
            None => self.site.config()?,
        };
        let service = Service {
            config,
            file: self.config,
            developing: self.dev,
            verbose: self.verbose,
            starter: hardening::starter(&self.hardening)?,
            compile: self.compile.settings,
            effort: Effort::Full,
            off: self.hardening.off().to_vec(),
            live_reload: None,
        };
        service.run(stderr, server::bind, |listening| {
            listening.announce();
            Ok(())
        })
    }
}
