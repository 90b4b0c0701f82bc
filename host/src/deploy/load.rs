//! Loads a handler: reads its file, has it compiled, links it with its grants, and starts it once.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime;

use super::component_file::SourceError;
use super::content_hash::{ContentHash, ContentHasher};
use super::granted_folders::GrantedFolders;
use super::source::{ComponentSource, HandlerSource};
use crate::compile::Compiler;
use crate::config::HandlerConfig;
use belljar_sandbox::{Chain, Databases, Engine, Handler};

/// Loads handlers. A load blocks its thread, which must not be a thread that serves requests.
pub(super) struct Loader {
    engine: Arc<Engine>,
    compiler: Arc<Compiler>,
    databases: Databases,
    pub runtime: runtime::Handle,
    /// Whether error pages show why a handler failed.
    developing: bool,
    hasher: ContentHasher,
}

/// A loaded handler, ready for requests.
pub(super) struct HandlerVersion {
    pub handler: Arc<Handler>,
    pub loaded: SystemTime,
    /// Size of the component and its middleware in bytes.
    pub size: usize,
    /// How long the load took.
    pub took: Duration,
    config: HandlerConfig,
    /// The folders that the handler holds open.
    folders: GrantedFolders,
    content: ContentHash,
}

/// The result of a load.
pub(super) enum LoadOutcome {
    Loaded(Arc<HandlerVersion>),
    /// Component, grants and limits are those of the version that is live.
    Same,
    /// The file may still be in the middle of a copy. The text is the problem to report if it stays like this.
    Incomplete(String),
    Refused(String),
    /// Something other than the handler's files is the reason, and may end by itself.
    Unavailable(String),
}

impl Loader {
    pub fn new(
        engine: Arc<Engine>,
        compiler: Arc<Compiler>,
        runtime: runtime::Handle,
        developing: bool,
    ) -> Self {
        Self {
            engine,
            compiler,
            databases: Databases::default(),
            runtime,
            developing,
            hasher: ContentHasher::default(),
        }
    }

    /// `live` is the version that serves now.
    pub fn load(&self, source: &HandlerSource, live: Option<&HandlerVersion>) -> LoadOutcome {
        let began = Instant::now();
        self.try_load(source, live, began)
            .unwrap_or_else(|failed| failed)
    }

    fn try_load(
        &self,
        source: &HandlerSource,
        live: Option<&HandlerVersion>,
        began: Instant,
    ) -> Result<LoadOutcome, LoadOutcome> {
        let components = source.read().map_err(|error| match error {
            SourceError::Incomplete(reason) => LoadOutcome::Incomplete(reason),
            SourceError::Invalid(reason) => LoadOutcome::Refused(reason),
            SourceError::Unreadable(reason) => LoadOutcome::Unavailable(reason),
        })?;
        let chain = components.chain();
        let config = source.config().map_err(LoadOutcome::Refused)?;
        let content = self.hasher.hash(&chain);
        let folders = source.folders();
        if let Some(live) = live {
            folders.check(&live.folders).map_err(LoadOutcome::Refused)?;
            let is_same = live.content == content && live.config == config;
            if is_same && live.folders == *folders {
                return Ok(LoadOutcome::Same);
            }
        }
        // The built-in handler is trusted.
        let is_trusted = source.component == ComponentSource::Files;
        if !is_trusted {
            Handler::check(&chain).map_err(|error| match error.may_be_incomplete() {
                true => LoadOutcome::Incomplete(error.to_string()),
                false => LoadOutcome::Refused(error.to_string()),
            })?;
        }
        let handler = Arc::new(self.handler(&chain, &config, live)?);
        if !is_trusted {
            self.runtime.block_on(handler.probe()).map_err(|failure| {
                LoadOutcome::Refused(format!("cannot start the handler: {failure}"))
            })?;
        }
        Ok(LoadOutcome::Loaded(Arc::new(HandlerVersion {
            handler,
            loaded: SystemTime::now(),
            size: chain.size(),
            took: began.elapsed(),
            config,
            folders: folders.clone(),
            content,
        })))
    }

    fn handler(
        &self,
        chain: &Chain<'_>,
        config: &HandlerConfig,
        live: Option<&HandlerVersion>,
    ) -> Result<Handler, LoadOutcome> {
        let grants = config
            .grants
            .open(&config.name, &self.databases)
            .map_err(|error| LoadOutcome::Unavailable(format!("{error:#}")))?;
        let (engine, limits) = (self.engine.clone(), config.limits.clone());
        let artefact = || {
            let compiled = self.compiler.compile(&self.engine, &config.name, chain)?;
            Ok(compiled.artefact)
        };
        let handler = Handler::load_artefact(engine, chain, artefact, grants, limits)
            .map_err(|error| LoadOutcome::Refused(error.to_string()))?
            .reuse(config.instances.reuse)
            .concurrency(config.instances.concurrency)
            .developing(self.developing);
        let handler = match live {
            Some(live) => handler.successor_of(&live.handler).build(),
            None => handler.build(),
        };
        if handler.answers_once() && config.instances.reuse > 1 {
            tracing::warn!(
                "the handler {}: reuse is 1, not {}: it handles `fetch` events, of which the engine of componentize-js \
                 answers one in each instance",
                config.name,
                config.instances.reuse
            );
        }
        Ok(handler)
    }
}
