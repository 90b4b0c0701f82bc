//! `belljar serve`.

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use belljar::config::{name_of, units};
use belljar::http;
use belljar::sandbox::{Databases, Engine, Handler, Limits};
use belljar::server::{self, AccessLog, Detail, Stderr};
use clap::Args;
use tracing_subscriber::EnvFilter;

use super::grants::GrantFlags;

/// Serve a folder, or a handler
#[derive(Args)]
pub struct Serve {
    /// The folder to serve; the handler sees it read-only as `/` [default: the current one, unless --handler is given]
    site: Option<PathBuf>,

    /// Address to listen on; may be given more than once; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: Vec<String>,

    /// Component that answers the requests, instead of the one that serves files
    #[arg(long, value_name = "FILE.wasm")]
    handler: Option<PathBuf>,

    /// Requests that an instance answers, one after the other; 1: a fresh one for each
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    reuse: u32,

    /// Requests that an instance of wasi:http 0.3 answers at once, of those allowed by --reuse
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: u32,

    /// Threads that serve requests [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Show the heads of requests and responses in place of the access log
    #[arg(short, long)]
    verbose: bool,

    #[command(flatten)]
    grants: GrantFlags,

    #[command(flatten)]
    files: Files,

    #[command(flatten)]
    limits: LimitFlags,
}

/// How the built-in handler serves files.
#[derive(Args)]
#[command(next_help_heading = "Files")]
struct Files {
    /// The page of a folder [default: index.html]
    #[arg(long, value_name = "NAME", conflicts_with = "handler")]
    index: Option<String>,

    /// List the files of a folder that has no such page
    #[arg(long, conflicts_with = "handler")]
    listing: bool,

    /// Page for every address that is no file, for applications that route in the browser
    #[arg(long, value_name = "FILE", conflicts_with = "handler")]
    spa: Option<String>,

    /// The Cache-Control field of files
    #[arg(long, value_name = "VALUE", conflicts_with = "handler", value_parser = units::field_value)]
    cache_control: Option<String>,

    /// Serve files whose names begin with a dot, too
    #[arg(long, conflicts_with = "handler")]
    dotfiles: bool,
}

/// Every limit has a default that is safe.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitFlags {
    /// Wall clock of a request in the handler
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::some_duration)]
    timeout: Duration,

    /// Processor time of a request in the handler
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::some_duration)]
    cpu: Duration,

    /// All memories of an instance together
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = units::instance_memory)]
    memory: usize,

    /// Files, streams and other handles of an instance
    #[arg(long, value_name = "N", default_value = "256")]
    max_handles: usize,

    /// Instances at once
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=MAX_INSTANCES))]
    pub max_instances: u32,

    /// Wait for a free instance
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::duration)]
    queue_timeout: Duration,

    /// A request's body
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = units::bytes)]
    max_body: u64,

    /// A request's head, and a response's
    #[arg(long, value_name = "SIZE", default_value = "32KiB", value_parser = units::head)]
    max_head: usize,

    /// Connections at once
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,

    /// For a request's head to arrive, from its first byte on
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::some_duration)]
    header_timeout: Duration,

    /// Wait for a request's body; grows by a second for each KiB that arrived
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::some_duration)]
    body_timeout: Duration,

    /// Wait for the next request of a connection
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = units::some_duration)]
    idle_timeout: Duration,

    /// Wait for a client that takes nothing of its response
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::some_duration)]
    send_timeout: Duration,

    /// Wait for a handler that sends nothing more of a response it has begun
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = units::some_duration)]
    stream_timeout: Duration,

    /// For requests in flight to finish, once the server is told to stop
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration)]
    grace: Duration,
}

impl Serve {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let stderr = Stderr::start().context("no thread for the log")?;
        log_to(stderr.clone());
        let outcome = self.serve(&stderr);
        stderr.flush();
        outcome.map(|()| ExitCode::SUCCESS)
    }

    fn serve(self, stderr: &Stderr) -> anyhow::Result<()> {
        if self.concurrency > self.reuse {
            anyhow::bail!(
                "--concurrency {0} has no use without --reuse {0} or more: an instance answers no more requests at \
                 once than in all",
                self.concurrency
            );
        }
        let max_connections = self.limits.connections(raise_open_files());
        let threads = match self.threads {
            Some(threads) => usize::from(threads),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let addresses = addresses(&self.listen)?;
        let name = match &self.handler {
            Some(file) => name_of(file),
            None => "files".into(),
        };
        let files = self.folder();
        let mut grants = self.grants.config()?;
        if let Some(files) = &files {
            let files = files.handler(name.clone(), self.limits.sandbox()).grants;
            grants.dirs.splice(0..0, files.dirs);
            grants.environment.splice(0..0, files.environment);
        }
        let grants = grants.open(&name, &Databases::default())?;
        let component = match &self.handler {
            Some(file) => std::fs::read(file)
                .with_context(|| format!("the handler {} cannot be read", file.display()))?,
            None => FILES.to_vec(),
        };
        let engine = Arc::new(Engine::new(self.limits.max_instances, threads)?);
        let handler = Handler::load(engine, &component, grants, self.limits.sandbox())
            .with_context(|| {
                format!(
                    "{} cannot be run",
                    self.handler
                        .as_deref()
                        .unwrap_or(Path::new("the built-in handler"))
                        .display()
                )
            })?;
        let detail = if self.verbose {
            Detail::Heads
        } else {
            Detail::Line
        };
        let config = server::Config {
            handler: handler.reuse(self.reuse).concurrency(self.concurrency),
            http: self.limits.http(),
            max_connections,
            grace: self.limits.grace,
            log: AccessLog::new(detail, stderr.clone()),
        };

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .context("no threads for the server")?;
        runtime.block_on(async {
            let stop = stop_signal()?;
            let listeners = addresses
                .into_iter()
                .map(server::bind)
                .collect::<anyhow::Result<Vec<_>>>()?;
            announce(&listeners)?;
            server::run(listeners, config, stop).await;
            anyhow::Ok(())
        })?;
        // What the grace period left over is cut off, not waited for.
        runtime.shutdown_background();
        Ok(())
    }

    /// The folder that is served, if any: a stranger's handler sees nothing that it was not given.
    fn folder(&self) -> Option<belljar::config::Files> {
        if self.site.is_none() && self.handler.is_some() {
            return None;
        }
        let Files {
            index,
            listing,
            spa,
            cache_control,
            dotfiles,
        } = &self.files;
        Some(belljar::config::Files {
            root: self.site.clone().unwrap_or_else(|| PathBuf::from(".")),
            index: index.clone(),
            listing: *listing,
            spa: spa.clone(),
            cache_control: cache_control.clone(),
            dotfiles: *dotfiles,
        })
    }
}

impl LimitFlags {
    pub fn sandbox(&self) -> Limits {
        Limits {
            timeout: self.timeout,
            cpu: self.cpu,
            memory: self.memory,
            max_instances: self.max_instances,
            queue_timeout: self.queue_timeout,
            max_handles: self.max_handles,
            ..Limits::default()
        }
    }

    /// Connections at once where the process may have only so many open files: a quarter of them is left to
    /// handlers and to the program itself, so that clients who only connect cannot use up what others need.
    fn connections(&self, open_files: Option<u64>) -> usize {
        let wanted = self.max_connections as usize;
        let Some(open_files) = open_files else {
            return wanted;
        };
        let most = usize::try_from(open_files - open_files / 4).unwrap_or(usize::MAX);
        if most < wanted {
            tracing::warn!(
                "at most {most} connections at once, not {wanted}: this process may have no more than {open_files} \
                 open files (see `ulimit -n`)"
            );
        }
        wanted.min(most)
    }

    fn http(&self) -> http::Limits {
        http::Limits {
            max_head: self.max_head,
            max_body: self.max_body,
            header_timeout: self.header_timeout,
            body_timeout: self.body_timeout,
            idle_timeout: self.idle_timeout,
            send_timeout: self.send_timeout,
            stream_timeout: self.stream_timeout,
        }
    }
}

/// Addresses by number or by name.
fn addresses(listen: &[String]) -> anyhow::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for text in listen {
        let advice = || {
            format!(
                "--listen {text}: no address; write it as 127.0.0.1:8080, [::1]:8080 or localhost:8080"
            )
        };
        addresses.extend(text.to_socket_addrs().with_context(advice)?);
    }
    Ok(addresses)
}

/// The first line of standard output, for people and scripts: where the server is.
fn announce(listeners: &[tokio::net::TcpListener]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for listener in listeners {
        let address = listener
            .local_addr()
            .context("the listening socket has no address")?;
        // With nobody to read it there is nobody to tell.
        let _ = writeln!(out, "http://{address}/");
    }
    let _ = out.flush();
    Ok(())
}

/// The program's own log, at `info` unless RUST_LOG says otherwise.
fn log_to(stderr: Stderr) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || stderr.clone())
        .with_ansi(ansi)
        .init();
}

/// Every connection is an open file, and the usual soft limit of 1,024 is for programs that use select(2).
///
/// Returns how many files may be open from here on; none where there is no such limit.
#[cfg(unix)]
fn raise_open_files() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!("the limit of open files stays as it is: {error}");
            limit.current
        }
    }
}

#[cfg(not(unix))]
fn raise_open_files() -> Option<u64> {
    None
}

/// Completes at Ctrl-C or SIGTERM; at the second of them the process ends at once.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        Ok(async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            tokio::spawn(async move {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                std::process::exit(1);
            });
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Without the signal there is no other way to be told to stop.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// The default guest: the component built from guest/default/ (`cargo xtask guest`).
static FILES: &[u8] = include_bytes!("../../../guest/default/guest.wasm");

/// The pool reserves address space for each instance: 8 GiB and more of 128 TiB.
const MAX_INSTANCES: i64 = 10_000;
