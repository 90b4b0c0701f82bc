//! The flags that grant something to a handler.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::bail;
use belljar::config::{GrantConfig, OutboundConfig, StoreConfig, settings};
use belljar_sandbox::{AllowedOrigin, AllowedTcp, Network, OutboundLimits, Preopen, StoreLimits};
use clap::Args;

use super::flags::SettingFlags;

/// What a handler may see and use. Without any of these flags: its request, clocks and random numbers.
#[derive(Args)]
#[command(next_help_heading = "Grants")]
pub struct GrantFlags {
    /// Grant the folder HOST to the handler as GUEST; read-only unless `:rw` follows [repeatable]
    #[arg(long = "dir", value_name = "HOST::GUEST[:rw]")]
    dirs: Vec<Preopen>,

    /// Set an environment variable of the handler [repeatable]
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    environment: Vec<(String, String)>,

    /// Set a value that the handler reads through wasi:config/store [repeatable]
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    values: Vec<(String, String)>,

    /// Allow TCP connections to this host and port, such as db.example:5432 or 127.0.0.1:5432. A name must have a public
    /// address; others need --allow-private [repeatable]
    #[arg(long, value_name = "HOST:PORT")]
    allow_tcp: Vec<AllowedTcp>,

    #[command(flatten)]
    outbound: OutboundFlags,

    #[command(flatten)]
    outbound_limits: SettingFlags<OutboundLimits>,

    #[command(flatten)]
    store: StoreFlags,

    #[command(flatten)]
    store_limits: SettingFlags<StoreLimits>,
}

/// Requests to other servers.
#[derive(Args)]
#[command(next_help_heading = "Grants: requests to other servers")]
struct OutboundFlags {
    /// Allow requests to this origin, such as https://api.example.com, https://*.example.com or http://127.0.0.1:3000;
    /// `:*` allows any port [repeatable]
    #[arg(long, value_name = "URL")]
    allow_outbound: Vec<AllowedOrigin>,

    /// Allow host names to resolve to addresses in this private network, such as 10.0.0.0/8. An address or `localhost`
    /// in --allow-outbound and --allow-tcp does not need this flag [repeatable]
    #[arg(long, value_name = "NETWORK")]
    allow_private: Vec<Network>,

    /// PEM file with certificates of further authorities for https servers, besides those of Mozilla's root program
    /// [repeatable]
    #[arg(long, value_name = "FILE")]
    outbound_ca: Vec<PathBuf>,
}

/// A key-value store.
#[derive(Args)]
#[command(next_help_heading = "Grants: key-value store")]
struct StoreFlags {
    /// File for the handler's key-value store (wasi:keyvalue); created if it does not exist
    #[arg(long = "store", value_name = "FILE")]
    store_file: Option<PathBuf>,
}

impl GrantFlags {
    /// The grants on the command line.
    ///
    /// # Errors
    ///
    /// The flags contradict each other.
    pub fn config(&self) -> anyhow::Result<GrantConfig> {
        let mut seen = HashSet::new();
        if let Some((name, _)) = self.values.iter().find(|(name, _)| !seen.insert(name)) {
            bail!("--set {name} is given twice; give it one value");
        }
        Ok(GrantConfig {
            dirs: self.dirs.clone(),
            environment: self.environment.clone(),
            config: self.values.clone(),
            tcp: self.allow_tcp.clone(),
            outbound: OutboundConfig {
                origins: self.outbound.allow_outbound.clone(),
                private: self.outbound.allow_private.clone(),
                authorities: self.outbound.outbound_ca.clone(),
                limits: self.outbound_limits.settings,
            },
            store: self.store()?,
            beneath: false,
        })
    }

    fn store(&self) -> anyhow::Result<Option<StoreConfig>> {
        let Some(file) = &self.store.store_file else {
            return match self.store_limits.given.first() {
                Some(setting) => bail!(settings::without_store(setting)),
                None => Ok(None),
            };
        };
        Ok(Some(StoreConfig {
            file: file.clone(),
            limits: self.store_limits.settings,
        }))
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write it as NAME=VALUE".into()),
    }
}
