//! The flags that limit the server and its handlers.

use anyhow::anyhow;
use belljar::config::settings::{self, ServerLimits};
use belljar_http as http;
use belljar_sandbox::Limits;
use clap::Args;

use super::flags::SettingFlags;

/// The limits of the server, of HTTP and of the handlers.
#[derive(Args)]
pub struct LimitFlags {
    #[command(flatten)]
    server: SettingFlags<ServerLimits>,

    #[command(flatten)]
    http: SettingFlags<http::Limits>,

    #[command(flatten)]
    handler: SettingFlags<Limits>,
}

impl LimitFlags {
    pub fn server(&self) -> ServerLimits {
        self.server.settings.clone()
    }

    pub fn http(&self) -> http::Limits {
        self.http.settings.clone()
    }

    /// # Errors
    ///
    /// The limits contradict each other.
    pub fn handler(&self) -> anyhow::Result<Limits> {
        let limits = self.handler.settings.clone();
        settings::check_limits(&limits).map_err(|error| anyhow!(error))?;
        Ok(limits)
    }
}
