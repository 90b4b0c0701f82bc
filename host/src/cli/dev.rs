//! `belljar dev`: builds and serves a project, and does so again after each change.
//!
//! ```text
//! project   what belljar.toml says about the project
//! builder   builds, waits for changes, and tells pages about both
//!   step        runs one command, and ends its processes
//!   output      what a command writes
//!   wake        waits until something may have changed
//!     snapshot    the files that something reads, to find out what did change
//! ```
//!
//! The server beside the builder is that of `serve --dev`. It swaps a component as soon as the build has written it.

mod builder;
mod output;
mod project;
mod snapshot;
mod step;
mod wake;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use belljar::compile::{CompileLimits, Starter};
use belljar::config::{Listen, Server};
use belljar::hardening::Layer;
use belljar::server::{self, LiveReload, Stderr};
use belljar_sandbox::Effort;
use clap::Args;
use tokio::net::TcpListener;

use self::builder::Builder;
use self::project::Project;
use super::compile::{flags, program};
use super::flags::{SettingFlags, VALUES};
use super::hardening::HardeningFlags;
use super::serve::service::Service;
use super::tools;

/// Build and serve the project in the current folder, and again after each change
///
/// Runs the commands that belljar.toml has under [[build]], serves with `--dev`, and waits for changes of the sources. After
/// a change it builds again, swaps the handlers, and has the browser load the page again. If a build fails, the terminal
/// and the page show why, and the last good build keeps serving.
///
/// `belljar new` creates such a project.
#[derive(Args)]
#[command(after_help = VALUES)]
pub struct Dev {
    /// Config file of the project
    #[arg(long, value_name = "FILE.toml", default_value = "belljar.toml")]
    config: PathBuf,

    /// Address to listen on; port 0 takes a free port [repeatable] [default: those of the config file, or else
    /// 127.0.0.1:8080, or a free port if another program uses 8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<Listen>,

    /// Log the heads of requests and responses instead of the access log
    #[arg(short, long)]
    verbose: bool,

    #[command(flatten)]
    compile: SettingFlags<CompileLimits>,

    #[command(flatten)]
    hardening: HardeningFlags,
}

impl Dev {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let stderr = Stderr::default();
        server::log_to(stderr.clone(), std::io::stderr().is_terminal());
        let outcome = self.develop(&stderr);
        stderr.flush();
        outcome.map(|()| ExitCode::SUCCESS)
    }

    fn develop(self, stderr: &Stderr) -> anyhow::Result<()> {
        let (project, mut config) = Project::read(&self.config)?;
        if let (true, Some(component)) = (project.steps.is_empty(), project.missing_component()) {
            bail!(
                "the component {} does not exist, and {} does not say how it is built; add a [[build]] with its command",
                component.display(),
                self.config.display()
            );
        }
        let missing = tools::missing(project.commands());
        if !missing.is_empty() {
            let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
            bail!("cannot build the project: {}", missing.join("\n"));
        }
        let given = self.listen.iter().flat_map(|addresses| &addresses.0);
        let given: Vec<SocketAddr> = given.copied().collect();
        let may_choose = given.is_empty() && config.server.listen == Server::default().listen;
        if !given.is_empty() {
            config.server.listen = given;
        }
        let hardens_compilers = self.hardening.hardens_compilers();
        // The tools of the build need the rights that these layers take from the process and from all that it starts.
        let mut off = Layer::ALL.to_vec();
        off.retain(|layer| *layer != Layer::Compiler || !hardens_compilers);
        let live_reload = Arc::new(LiveReload::new());
        let service = Service {
            config,
            file: Some(self.config),
            developing: true,
            verbose: self.verbose,
            starter: Starter::Program(program()?, flags(hardens_compilers)),
            compile: self.compile.settings,
            effort: Effort::Least,
            off,
            live_reload: Some(live_reload.clone()),
        };
        let listen = |address| match may_choose {
            true => bind_or_choose(address),
            false => server::bind(address),
        };
        service.run(stderr, listen, |listening| {
            Builder::start(project, live_reload, listening, stderr.clone())
        })
    }
}

/// Listens on this address, or on a free port if another program uses it.
fn bind_or_choose(address: SocketAddr) -> anyhow::Result<TcpListener> {
    server::bind(address).or_else(|error| {
        let listener = server::bind(SocketAddr::new(address.ip(), 0)).map_err(|_| error)?;
        let port = listener.local_addr()?.port();
        tracing::info!("another program uses {address}; the server listens on port {port}");
        Ok(listener)
    })
}
