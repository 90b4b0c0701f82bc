//! The flags that grant a handler something.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use belljar::config::units;
use belljar::sandbox::{
    Access, AllowedOrigin, Authorities, Buckets, Database, Grants, Network, Outbound, Preopen,
    StoreLimits,
};
use clap::Args;


/// What a handler may see and use. Without any of these flags: its request, clocks and random numbers.
#[derive(Args)]
#[command(next_help_heading = "Grants")]
pub struct GrantFlags {
    /// Folder that the handler sees as well: HOST::GUEST, writable only as HOST::GUEST:rw
    #[arg(long = "dir", value_name = "HOST::GUEST[:rw]", value_parser = preopen)]
    pub dirs: Vec<Preopen>,

    /// Environment variable of the handler
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub environment: Vec<(String, String)>,

    /// Value that the handler finds in wasi:config/store
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    config: Vec<(String, String)>,

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
    /// What the flags say, for a handler that sees these variables and folders besides.
    ///
    /// # Errors
    ///
    /// Where they contradict each other, or name what is not there.
    pub fn grants(
        &self,
        name: String,
        mut environment: Vec<(String, String)>,
        site: Option<Preopen>,
    ) -> anyhow::Result<Grants> {
        environment.extend(self.environment.iter().cloned());
        let preopens = self.preopens(site)?;
        let mut seen = HashSet::new();
        if let Some((name, _)) = self.config.iter().find(|(name, _)| !seen.insert(name)) {
            bail!("--set {name} is there twice; give it one value");
        }
        let grants = Grants::new(name, environment, &preopens)?;
        Ok(grants
            .config(self.config.iter().cloned())
            .tcp(&self.allow_tcp)
            .outbound(self.outbound.outbound()?))
    }

    /// Opens the store, if one is named.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened.
    pub fn store(&self, handler: &str) -> anyhow::Result<Option<Buckets>> {
        let StoreFlags {
            store_file: Some(file),
            max_bytes,
            max_key,
            max_value,
        } = &self.store
        else {
            return Ok(None);
        };
        let limits = StoreLimits {
            max_bytes: *max_bytes,
            max_key: *max_key,
            max_value: *max_value,
        };
        let database = Arc::new(Database::open(file)?);
        Ok(Some(Buckets::new(database, handler.to_owned(), limits)))
    }

    /// Whether [`store`](Self::store) would open one. None is made.
    ///
    /// # Errors
    ///
    /// As `store` has them.
    pub fn check_store(&self) -> anyhow::Result<bool> {
        match &self.store.store_file {
            Some(file) => Database::check(file).map(|()| true),
            None => Ok(false),
        }
    }

    fn preopens(&self, site: Option<Preopen>) -> anyhow::Result<Vec<Preopen>> {
        let preopens: Vec<Preopen> = site.into_iter().chain(self.dirs.iter().cloned()).collect();
        for (position, preopen) in preopens.iter().enumerate() {
            let name = preopen.guest.trim_end_matches('/');
            let before = preopens.iter().take(position);
            if let Some(other) = before
                .into_iter()
                .find(|other| other.guest.trim_end_matches('/') == name)
            {
                bail!(
                    "the handler would see both {} and {} as {}; give one of them another name with --dir",
                    other.host.display(),
                    preopen.host.display(),
                    preopen.guest
                );
            }
        }
        Ok(preopens)
    }
}

impl OutboundFlags {
    fn outbound(&self) -> anyhow::Result<Outbound> {
        let mut authorities = Authorities::default();
        for file in &self.outbound_ca {
            let shown = file.display();
            let pem = std::fs::read(file)
                .with_context(|| format!("--outbound-ca {shown} cannot be read"))?;
            if let Err(reason) = authorities.add(&pem) {
                bail!("--outbound-ca {shown} cannot be used: {reason}");
            }
        }
        Ok(Outbound {
            authorities,
            origins: self.allow_outbound.clone(),
            private: self.allow_private.clone(),
            connect_timeout: self.outbound_connect_timeout,
            first_byte_timeout: self.outbound_first_byte_timeout,
            between_bytes_timeout: self.outbound_between_bytes_timeout,
            max_head: self.outbound_max_head,
            max_body: self.outbound_max_body,
            connections: self.outbound_connections.into(),
        })
    }
}

/// How the log, the store and the handler itself call a handler: by its file.
pub fn name_of(handler: &Path) -> String {
    handler.file_stem().map_or_else(
        || "handler".into(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

/// `HOST::GUEST` or `HOST::GUEST:rw`.
fn preopen(text: &str) -> Result<Preopen, String> {
    let Some((host, guest)) = text.split_once("::") else {
        return Err("write it as HOST::GUEST, such as ./data::/data, or ./data::/data:rw to let the handler write".into());
    };
    let (guest, access) = match guest.strip_suffix(":rw") {
        Some(guest) => (guest, Access::ReadWrite),
        None => (guest, Access::ReadOnly),
    };
    if host.is_empty() || guest.is_empty() {
        return Err("both HOST and GUEST need a name, such as ./data::/data".into());
    }
    Ok(Preopen {
        host: host.into(),
        guest: guest.into(),
        access,
    })
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write it as NAME=VALUE".into()),
    }
}
