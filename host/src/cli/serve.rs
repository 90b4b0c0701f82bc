//! `belljar serve`.

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use belljar::config::{
    Action, Component, Config, HandlerConfig, HandlersFolder, Route, Server, Site, name_of, units,
};
use belljar::deploy::{CompileLimits, Deployment, Options};
use belljar::server::{self, AccessLog, Detail, Stderr};
use belljar_http as http;
use belljar_sandbox::{Engine, Limits, Rate};
use clap::Args;
use tracing_subscriber::EnvFilter;

use super::grants::GrantFlags;
use super::signals::Signals;

/// Serve a folder, a handler, a folder of handlers, or what a file says
#[derive(Args)]
pub struct Serve {
    /// The folder to serve; the handler sees it read-only as `/` [default: the current one, unless handlers are given]
    site: Option<PathBuf>,

    /// Address to listen on; may be given more than once; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: Vec<String>,

    /// Component that answers the requests, instead of the one that serves files
    #[arg(long, value_name = "FILE.wasm", conflicts_with = "handlers")]
    handler: Option<PathBuf>,

    /// Folder whose components answer by their paths: `api/time.wasm` answers /api/time and what is below it. What is
    /// put into it is live, what is taken out is gone; the files of SITE answer the rest
    #[arg(long, value_name = "DIR")]
    handlers: Option<PathBuf>,

    /// Serve what this file says (see docs/configuration.md), and what it says next
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = [
        "site", "listen", "handler", "handlers", "reuse", "concurrency", "threads", "dirs",
        "environment", "values", "allow_tcp", "OutboundFlags",
        "StoreFlags", "Files", "LimitFlags",
    ])]
    config: Option<PathBuf>,

    /// For development: show in the browser why a handler failed, and look for changes more often
    #[arg(long)]
    dev: bool,

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

    #[command(flatten)]
    compile: CompileFlags,
}

/// Components are compiled in processes of their own, when they are first seen.
#[derive(Args)]
#[command(next_help_heading = "Limits of compiling")]
struct CompileFlags {
    /// Memory to compile a component
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = units::bytes)]
    compile_memory: u64,

    /// Processor time to compile a component, on each processor; by the clock four times as long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = units::some_duration)]
    compile_timeout: Duration,
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

    /// All memories of all instances together [default: what --memory and --max-instances come to]
    #[arg(long, value_name = "SIZE", value_parser = units::instance_memory)]
    total_memory: Option<usize>,

    /// Files, streams and other handles of an instance
    #[arg(long, value_name = "N", default_value = "256")]
    max_handles: usize,

    /// Instances at once
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=MAX_INSTANCES))]
    pub max_instances: u32,

    /// Requests that wait for a free instance
    #[arg(long, value_name = "N", default_value = "10000")]
    max_queue: u32,

    /// Wait for a free instance
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::duration)]
    queue_timeout: Duration,

    /// Requests of all clients, as 100/s, 10/min, 1000/h or `100/s burst 500`; the burst is what may come at once after
    /// a pause, without it as many as the rate's number [default: any number]
    #[arg(long, value_name = "RATE", value_parser = units::rate)]
    rate: Option<Rate>,

    /// Requests of each client, by its address, or its network of 64 bits of IPv6 [default: any number]
    #[arg(long, value_name = "RATE", value_parser = units::rate)]
    client_rate: Option<Rate>,

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
        let config = match &self.config {
            Some(file) => Config::read(file).map_err(|problems| anyhow::anyhow!("{problems}"))?,
            None => self.said()?,
        };
        let server = config.server.clone();
        let threads = match server.threads {
            Some(threads) => threads,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let max_connections = connections(server.max_connections, raise_open_files());
        let detail = match self.verbose {
            true => Detail::Heads,
            false => Detail::Line,
        };
        let engine = Arc::new(Engine::new(server.max_instances, threads)?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .on_thread_park(server::on_thread_park)
            .enable_all()
            .build()
            .context("no threads for the server")?;
        let deployment = Deployment::start(
            engine.clone(),
            runtime.handle().clone(),
            Options {
                config,
                file: self.config.clone(),
                developing: self.dev,
                program: program()?,
                compile: CompileLimits {
                    memory: self.compile.compile_memory,
                    time: self.compile.compile_timeout,
                },
            },
        )?;
        let served = server::ServerConfig {
            routes: deployment.routes(),
            http: server.http,
            max_connections,
            grace: server.grace,
            log: AccessLog::new(detail, stderr.clone()),
        };
        runtime.block_on(async {
            let signals = Signals::listen()?;
            let listeners = server
                .listen
                .into_iter()
                .map(server::bind)
                .collect::<anyhow::Result<Vec<_>>>()?;
            announce(&listeners)?;
            let stop = signals.stop(deployment.reload());
            server::run(listeners, served, stop).await;
            anyhow::Ok(())
        })?;
        // What the grace period left over is cut off, not waited for.
        runtime.shutdown_background();
        engine.close();
        Ok(())
    }

    /// What the flags say.
    fn said(&self) -> anyhow::Result<Config> {
        if self.concurrency > self.reuse {
            bail!(
                "--concurrency {0} has no use without --reuse {0} or more: an instance answers no more requests at \
                 once than in all",
                self.concurrency
            );
        }
        let site = Site {
            hosts: Vec::new(),
            routes: self.everything()?.into_iter().collect(),
            handlers: match &self.handlers {
                Some(folder) => Some(self.handlers_in(folder)?),
                None => None,
            },
        };
        if let exposed @ [_, ..] = &site.exposed()[..] {
            bail!("{}", exposed.join("\n"));
        }
        Ok(Config {
            server: Server {
                listen: addresses(&self.listen)?,
                threads: self.threads.map(usize::from),
                max_connections: self.limits.max_connections as usize,
                max_instances: self.limits.max_instances,
                grace: self.limits.grace,
                http: self.limits.http(),
            },
            sites: vec![site],
        })
    }

    /// What answers every path that nothing else does, if anything.
    fn everything(&self) -> anyhow::Result<Option<Route>> {
        let files = self.folder();
        let name = self.handler.as_deref().map_or("files".into(), name_of);
        let files = files.map(|files| files.handler(name.clone(), self.limits.sandbox()));
        let (config, place) = match (&self.handler, files) {
            (None, None) => return Ok(None),
            (None, Some(mut files)) => {
                // Beside a folder of handlers the grants are theirs.
                if self.handlers.is_none() {
                    files = self.granted(files, Component::Files)?;
                }
                (files, "the built-in handler".into())
            }
            (Some(file), files) => {
                let handler = files.unwrap_or_else(|| self.plain(name));
                let component = Component::File(file.clone());
                (
                    self.granted(handler, component)?,
                    file.display().to_string(),
                )
            }
        };
        let path = "/*".parse().map_err(anyhow::Error::msg)?;
        let action = Action::Run(Arc::new(config));
        Ok(Some(Route {
            path,
            action,
            place,
        }))
    }

    fn handlers_in(&self, folder: &Path) -> anyhow::Result<HandlersFolder> {
        if let Err(error) = std::fs::read_dir(folder) {
            bail!(
                "the folder of handlers {} cannot be read: {error}; make it, or correct its path",
                folder.display()
            );
        }
        let defaults = self.plain("handlers".into());
        Ok(HandlersFolder {
            path: folder.to_owned(),
            defaults: self.granted(defaults, Component::Files)?,
        })
    }

    /// A handler that nothing is granted.
    fn plain(&self, name: String) -> HandlerConfig {
        HandlerConfig {
            name,
            component: Component::Files,
            grants: belljar::config::GrantConfig::default(),
            limits: self.limits.sandbox(),
            reuse: 1,
            concurrency: 1,
        }
    }

    /// This handler with what the flags grant it besides.
    fn granted(
        &self,
        handler: HandlerConfig,
        component: Component,
    ) -> anyhow::Result<HandlerConfig> {
        let mut grants = self.grants.config()?;
        grants.dirs.splice(0..0, handler.grants.dirs);
        grants.environment.splice(0..0, handler.grants.environment);
        Ok(HandlerConfig {
            component,
            grants,
            reuse: self.reuse,
            concurrency: self.concurrency,
            ..handler
        })
    }

    /// The folder that is served, if any: a stranger's handler sees nothing that it was not given.
    fn folder(&self) -> Option<belljar::config::Files> {
        if self.site.is_none() && (self.handler.is_some() || self.handlers.is_some()) {
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
            max_queue: self.max_queue,
            queue_timeout: self.queue_timeout,
            max_handles: self.max_handles,
            total_memory: self.total_memory.unwrap_or(usize::MAX),
            rate: self.rate,
            client_rate: self.client_rate,
        }
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

/// Connections at once where the process may have only so many open files: a quarter of them is left to
/// handlers and to the program itself, so that clients who only connect cannot use up what others need.
fn connections(wanted: usize, open_files: Option<u64>) -> usize {
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

/// This program's file, which stays the same one where a newer one takes its name.
fn program() -> anyhow::Result<PathBuf> {
    let itself = Path::new("/proc/self/exe");
    match cfg!(target_os = "linux") && itself.exists() {
        true => Ok(itself.to_owned()),
        false => std::env::current_exe().context("this program's own file is not to be found"),
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

/// The pool reserves address space for each instance: 8 GiB and more of 128 TiB.
const MAX_INSTANCES: i64 = 10_000;
