//! A configuration that is served, and the thread that keeps it up to date.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::runtime;

use super::config_file::ConfigFile;
use super::load::Loader;
use super::load_queue::{Event, LoadQueue};
use super::swap::LiveRoutes;
use super::watch::Watcher;
use crate::compile::Compiler;
use crate::config::Config;
use crate::hardening::Paths;
use crate::server::{LiveReload, Routes};
use belljar_sandbox::Engine;

/// The configuration to deploy, and the options of the deployment.
pub struct Options {
    pub config: Config,
    /// The file that the configuration was read from. It is read again when it changes.
    pub file: Option<PathBuf>,
    /// Whether to poll more often, and to show clients why a handler failed.
    pub developing: bool,
    /// Told about each swap, in a project whose components may still have to be built. Without it a component that the
    /// configuration names and that cannot be loaded is an error.
    pub live_reload: Option<Arc<LiveReload>>,
    pub compiler: Arc<Compiler>,
    /// The files that this process can reach, if it cannot reach all.
    pub reachable: Option<Paths>,
}

/// A configuration that is live. It is kept up to date until this is dropped.
pub struct Deployment {
    routes: Arc<ArcSwap<Routes>>,
    events: Sender<Event>,
}

impl Deployment {
    /// Loads all handlers, and returns when they are live. A handler in a folder that cannot be loaded is only logged.
    ///
    /// # Errors
    ///
    /// Fails with the problems of all handlers that the configuration names and that cannot be loaded, one on each line.
    pub fn start(
        engine: Arc<Engine>,
        runtime: runtime::Handle,
        options: Options,
    ) -> anyhow::Result<Self> {
        let (sender, events) = mpsc::channel();
        let routes = Arc::new(ArcSwap::default());
        let loader = Loader::new(engine, options.compiler, runtime, options.developing);
        let unbuilt = options.live_reload.is_some();
        let mut watcher = Watcher::new(
            options.config,
            options
                .file
                .map(|file| ConfigFile::new(file, options.reachable, unbuilt)),
            options.developing,
            LoadQueue::new(loader, sender.clone()),
            events,
            LiveRoutes::new(routes.clone(), options.developing, options.live_reload),
        );
        watcher.load_all()?;
        thread::Builder::new()
            .name("belljar-deploy".into())
            .spawn(move || watcher.run())
            .context("cannot start the thread that watches the handlers")?;
        Ok(Self {
            routes,
            events: sender,
        })
    }

    /// The live routes. Each change replaces the table inside.
    pub fn routes(&self) -> Arc<ArcSwap<Routes>> {
        self.routes.clone()
    }

    /// Returns a function that makes the watcher load everything again, even if nothing changed.
    pub fn reload(&self) -> impl Fn() + Send + 'static {
        let events = self.events.clone();
        move || {
            let _ = events.send(Event::Reload);
        }
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = self.events.send(Event::Stop);
    }
}
