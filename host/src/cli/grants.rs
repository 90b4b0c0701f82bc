//! The flags that grant a handler something.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use belljar::config::{GrantConfig, OutboundConfig, StoreConfig, units};
use belljar_sandbox::{AllowedOrigin, Network, Preopen, StoreLimits};
use clap::Args;

/// What a handler may see and use. Without any of these flags: its request, clocks and random numbers.
#[derive(Args)]
#[command(next_help_heading = "Grants")]
pub struct GrantFlags {
    /// Folder that the handler sees as well: HOST::GUEST, writable only as HOST::GUEST:rw
    #[arg(long = "dir", value_name = "HOST::GUEST[:rw]")]
    dirs: Vec<Preopen>,

    /// Environment variable of the handler
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    environment: Vec<(String, String)>,

    /// Value that the handler finds in wasi:config/store
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    values: Vec<(String, String)>,

    /// Address and port that the handler may connect to by TCP, such as 127.0.0.1:5432; may be given more than once
    #[arg(long, value_name = "ADDRESS:PORT")]
    allow_tcp: Vec<SocketAddr>,

    #[command(flatten)]
    outbound: OutboundFlags,

    #[command(flatten)]
    store: StoreFlags,
}

/// Requests to other servers.
#[derive(Args)]
#[command(next_help_heading = "Grants: requests to other servers")]
struct OutboundFlags {
    /// Origin that the handler may send requests to, such as https://api.example.com, https://*.example.com or
    /// http://127.0.0.1:3000 (`:*` is any port); may be given more than once
    #[arg(long, value_name = "URL")]
    allow_outbound: Vec<AllowedOrigin>,

    /// Network that the names among them may lead to although it is not public, such as 10.0.0.0/8; an address or
    /// `localhost` in --allow-outbound needs no such leave
    #[arg(long, value_name = "NETWORK")]
    allow_private: Vec<Network>,

    /// Certificates (PEM) of authorities that may vouch for https servers, besides those of Mozilla's root programme
    #[arg(long, value_name = "FILE")]
    outbound_ca: Vec<PathBuf>,

    /// For a connection to another server; a handler can ask for less, as with the next two
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::some_duration)]
    outbound_connect_timeout: Duration,

    /// Between a request's end and its response's beginning
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = units::some_duration)]
    outbound_first_byte_timeout: Duration,

    /// Between the parts of a response
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = units::some_duration)]
    outbound_between_bytes_timeout: Duration,

    /// The head of a response
    #[arg(long, value_name = "SIZE", default_value = "32KiB", value_parser = units::head)]
    outbound_max_head: usize,

    /// The body of a response
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = units::bytes)]
    outbound_max_body: u64,

    /// Connections of an instance at once; further requests wait for one to end
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=1000))]
    outbound_connections: u16,
}

/// A store for keys and values.
#[derive(Args)]
#[command(next_help_heading = "Grants: key-value store")]
struct StoreFlags {
    /// File that keeps what the handler puts into wasi:keyvalue, under the handler's name; made if it is not there
    #[arg(long = "store", value_name = "FILE")]
    store_file: Option<PathBuf>,

    /// All that a handler keeps; an entry counts as its key, its value, its bucket's name and 64 bytes
    #[arg(long = "store-max-bytes", value_name = "SIZE", default_value = "64MiB", value_parser = units::bytes)]
    max_bytes: u64,

    /// A key
    #[arg(long = "store-max-key", value_name = "SIZE", default_value = "1KiB", value_parser = units::memory)]
    max_key: usize,

    /// A value
    #[arg(long = "store-max-value", value_name = "SIZE", default_value = "1MiB", value_parser = units::memory)]
    max_value: usize,
}

impl GrantFlags {
    /// What the flags say.
    ///
    /// # Errors
    ///
    /// Where they contradict each other.
    pub fn config(&self) -> anyhow::Result<GrantConfig> {
        let mut seen = HashSet::new();
        if let Some((name, _)) = self.values.iter().find(|(name, _)| !seen.insert(name)) {
            bail!("--set {name} is there twice; give it one value");
        }
        Ok(GrantConfig {
            dirs: self.dirs.clone(),
            environment: self.environment.clone(),
            config: self.values.clone(),
            tcp: self.allow_tcp.clone(),
            outbound: self.outbound.config(),
            store: self.store.config(),
        })
    }
}

impl OutboundFlags {
    fn config(&self) -> OutboundConfig {
        OutboundConfig {
            origins: self.allow_outbound.clone(),
            private: self.allow_private.clone(),
            authorities: self.outbound_ca.clone(),
            connect_timeout: self.outbound_connect_timeout,
            first_byte_timeout: self.outbound_first_byte_timeout,
            between_bytes_timeout: self.outbound_between_bytes_timeout,
            max_head: self.outbound_max_head,
            max_body: self.outbound_max_body,
            connections: self.outbound_connections.into(),
        }
    }
}

impl StoreFlags {
    fn config(&self) -> Option<StoreConfig> {
        Some(StoreConfig {
            file: self.store_file.clone()?,
            limits: StoreLimits {
                max_bytes: self.max_bytes,
                max_key: self.max_key,
                max_value: self.max_value,
            },
        })
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write it as NAME=VALUE".into()),
    }
}
