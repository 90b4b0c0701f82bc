//! A server for one configuration, from its start to its end: what `serve` and `dev` run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use belljar::compile::{CompileLimits, Compiler, Starter};
use belljar::config::Config;
use belljar::deploy::{Deployment, Options};
use belljar::hardening::{Layer, harden_server};
use belljar::server::{self, AccessLog, Detail, LiveReload, Stderr};
use belljar_sandbox::{Effort, Engine};
use tokio::net::TcpListener;

use super::hardening;
use super::memory::Memory;
use super::process::{self, OpenFiles};
use crate::cli::signals::Signals;

/// What a server needs to start.
pub struct Service {
    pub config: Config,
    /// The file that the configuration was read from.
    pub file: Option<PathBuf>,
    /// Whether to show in the browser why a handler failed, and to look for changes more often.
    pub developing: bool,
    /// Whether to log the heads of requests and responses.
    pub verbose: bool,
    /// Starts compilers. It was made before any other thread, because all threads have to have the same layers.
    pub starter: Starter,
    pub compile: CompileLimits,
    pub effort: Effort,
    /// The layers of defence that are switched off.
    pub off: Vec<Layer>,
    pub live_reload: Option<Arc<LiveReload>>,
}

/// A server that listens.
pub struct Listening {
    pub urls: Vec<String>,
    /// Makes the server load everything again.
    pub reload: Box<dyn Fn() + Send>,
}

impl Listening {
    /// Prints the URLs.
    pub fn announce(&self) {
        process::announce(&self.urls);
    }
}

impl Service {
    /// Serves until a signal stops the server.
    ///
    /// `listen` opens each address. `begin` is called when the server listens, and announces its URLs. It may start what runs
    /// beside the server: what it returns is dropped when the server begins to stop.
    pub fn run<Beside>(
        self,
        stderr: &Stderr,
        listen: impl FnMut(SocketAddr) -> anyhow::Result<TcpListener>,
        begin: impl FnOnce(Listening) -> anyhow::Result<Beside>,
    ) -> anyhow::Result<()> {
        let config = self.config;
        let starts_programs = matches!(self.starter, Starter::Program(..));
        let memory = Memory::of_process();
        let mut limits = self.compile;
        limits.memory = memory.for_compiler(limits.memory);
        let compiler = Compiler::new(self.starter, limits).with_effort(self.effort);
        let compiler = Arc::new(compiler);
        let paths = hardening::paths(&config, self.file.as_deref(), &compiler);
        let report = harden_server(&self.off, &paths, starts_programs);
        stderr
            .start()
            .map_err(|error| process::no_threads("1 thread", &error))?;
        let server = config.server.clone();
        let threads = match server.limits.threads {
            Some(threads) => threads,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        stderr.limit(server.limits.log_rate, server.limits.log_output);
        process::check_threads(2 * threads + OTHER_THREADS)?;
        let open_files = process::raise_open_files();
        let detail = match self.verbose {
            true => Detail::Heads,
            false => Detail::Line,
        };
        let engine = Arc::new(Engine::within(
            memory.for_handlers(server.limits.total_memory),
            server.limits.max_instances,
            threads,
        )?);
        if let Some(open_files) = open_files {
            engine.limit_open_files(OpenFiles::of(open_files).handlers);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .on_thread_park(server::on_thread_park)
            .enable_all()
            .build()
            .context("the threads of the server cannot be started")?;
        // Before the handlers are loaded, which may take a while.
        runtime.block_on(async { Signals::explain_log_signals() })?;
        let deployment = Deployment::start(
            engine.clone(),
            runtime.handle().clone(),
            Options {
                config,
                file: self.file,
                developing: self.developing,
                live_reload: self.live_reload.clone(),
                compiler: compiler.clone(),
                reachable: report.is_on(Layer::Landlock).then_some(paths),
            },
        )?;
        memory.log(server.limits.total_memory);
        process::log_fewer_instances(server.limits.max_instances, engine.max_instances());
        // Not before: a start that fails says why, and nothing else.
        tracing::info!("hardening {report}");
        let max_connections =
            memory.max_connections(server.limits.max_connections, server.http.max_head);
        let max_connections = process::max_connections(max_connections, open_files);
        let served = server::ServerConfig {
            routes: deployment.routes(),
            http: server.http,
            max_connections,
            max_connections_per_client: server.limits.connections_per_client(max_connections),
            grace: server.limits.grace,
            live_reload: self.live_reload,
            log: AccessLog::new(detail, stderr.clone()),
        };
        runtime.block_on(async {
            let signals = Signals::listen()?;
            let listeners = server
                .listen
                .into_iter()
                .map(listen)
                .collect::<anyhow::Result<Vec<_>>>()?;
            let beside = begin(Listening {
                urls: process::urls(&listeners)?,
                reload: Box::new(deployment.reload()),
            })?;
            let stopped = signals.stop(deployment.reload());
            let stop = async move {
                stopped.await;
                drop(beside);
            };
            server::run(listeners, served, stop).await;
            anyhow::Ok(())
        })?;
        // Requests that outlast the grace period are cut; the program does not wait for them.
        runtime.shutdown_background();
        compiler.close();
        Ok(())
    }
}

/// The threads of a server besides those of its two lanes: the epoch clock, the log, the watcher of handlers, and
/// one of the blocking pool.
const OTHER_THREADS: usize = 4;
