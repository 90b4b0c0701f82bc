//! `belljar serve`.

mod hardening;
mod memory;
mod process;
mod site;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use belljar::compile::{CompileLimits, Compiler, Starter};
use belljar::config::Config;
use belljar::deploy::{Deployment, Options};
use belljar::hardening::{Layer, harden_server};
use belljar::server::{self, AccessLog, Detail, Stderr};
use belljar_sandbox::Engine;
use clap::Args;

use self::memory::Memory;
use self::process::OpenFiles;
use self::site::SiteFlags;
use super::flags::{SettingFlags, VALUES, ids};
use super::hardening::HardeningFlags;
use super::signals::Signals;

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
        // First, because all threads have to have the same layers as this one.
        let starter = hardening::starter(&self.hardening)?;
        let starts_programs = matches!(starter, Starter::Program(..));
        let memory = Memory::of_process();
        let mut limits = self.compile.settings;
        limits.memory = memory.for_compiler(limits.memory);
        let compiler = Arc::new(Compiler::new(starter, limits));
        let paths = hardening::paths(&config, self.config.as_deref(), &compiler);
        let report = harden_server(self.hardening.off(), &paths, starts_programs);
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
                file: self.config.clone(),
                developing: self.dev,
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
            log: AccessLog::new(detail, stderr.clone()),
        };
        runtime.block_on(async {
            let signals = Signals::listen()?;
            let listeners = server
                .listen
                .into_iter()
                .map(server::bind)
                .collect::<anyhow::Result<Vec<_>>>()?;
            process::announce(&listeners)?;
            let stop = signals.stop(deployment.reload());
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
