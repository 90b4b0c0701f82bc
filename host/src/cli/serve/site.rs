//! Makes a configuration from the flags of `serve`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail};
use belljar::config::settings::InstanceLimits;
use belljar::config::{
    Action, Ceiling, Component, Config, FieldValue, Files, HandlerConfig, HandlersFolder, Listen,
    Mounting, Route, Server, Site, name_of,
};
use clap::Args;

use crate::cli::flags::SettingFlags;
use crate::cli::grants::GrantFlags;
use crate::cli::limits::LimitFlags;

/// The flags that describe a site, its handlers and its listeners.
#[derive(Args)]
pub struct SiteFlags {
    /// Folder to serve [default: the current folder, unless a handler is given]
    site: Option<PathBuf>,

    /// Address to listen on; port 0 takes a free port [repeatable]
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: Vec<Listen>,

    /// Component that answers all requests, instead of the one that serves files
    #[arg(long, value_name = "FILE.wasm", conflicts_with = "handlers")]
    handler: Option<PathBuf>,

    /// Component in front of the handler, which answers a request itself or passes it on: the outermost first [repeatable]
    #[arg(long, value_name = "FILE.wasm", requires = "handler")]
    middleware: Vec<PathBuf>,

    /// Folder of components that answer by their paths: `api/time.wasm` answers /api/time and all paths below it.
    /// The server loads changes in the folder while it runs. The files of SITE answer all other paths
    #[arg(long, value_name = "DIR")]
    handlers: Option<PathBuf>,

    #[command(flatten)]
    files: FileFlags,

    #[command(flatten)]
    instances: SettingFlags<InstanceLimits>,

    #[command(flatten)]
    grants: GrantFlags,

    #[command(flatten)]
    limits: LimitFlags,
}

/// How the built-in handler serves files.
#[derive(Args)]
#[command(next_help_heading = "Files")]
struct FileFlags {
    /// Name of a folder's index page [default: index.html]
    #[arg(long, value_name = "NAME", conflicts_with = "handler")]
    index: Option<String>,

    /// List the files of a folder that has no index page
    #[arg(long, conflicts_with = "handler")]
    listing: bool,

    /// Page to serve for every path without a file, for applications that route in the browser
    #[arg(long, value_name = "FILE", conflicts_with = "handler")]
    spa: Option<String>,

    /// Cache-Control field of files [default: no-cache]
    #[arg(long, value_name = "VALUE", conflicts_with = "handler")]
    cache_control: Option<FieldValue>,

    /// Serve files whose names start with a dot
    #[arg(long, conflicts_with = "handler")]
    dotfiles: bool,
}

impl SiteFlags {
    /// # Errors
    ///
    /// The flags contradict each other, or a folder cannot be read.
    pub fn config(&self) -> anyhow::Result<Config> {
        let instances = &self.instances.settings;
        instances.check().map_err(|error| anyhow!(error))?;
        let site = Site {
            hosts: Vec::new(),
            routes: self.catch_all()?.into_iter().collect(),
            handlers: match &self.handlers {
                Some(folder) => Some(self.handlers_in(folder)?),
                None => None,
            },
        };
        if let exposed @ [_, ..] = &site.exposed()[..] {
            bail!("{}", exposed.join("\n"));
        }
        let listen = self.listen.iter().flat_map(|addresses| &addresses.0);
        // Files beside handlers grant no more than the flags grant to all of them.
        let folder = site.handlers.as_ref();
        let ceiling = folder.map(|folder| Ceiling::of(&folder.defaults));
        Ok(Config {
            ceiling: Arc::new(ceiling.unwrap_or_default()),
            server: Server {
                listen: listen.copied().collect(),
                limits: self.limits.server(),
                http: self.limits.http(),
            },
            sites: vec![site],
            build: Vec::new(),
        })
    }

    /// The route that answers where no other does, if any.
    fn catch_all(&self) -> anyhow::Result<Option<Route>> {
        let limits = self.limits.handler()?;
        let name = self.handler.as_deref().map_or("files".into(), name_of);
        let files = self.files();
        let files = files.map(|files| files.handler(name.clone(), limits));
        let (config, place) = match (&self.handler, files) {
            (None, None) => return Ok(None),
            (None, Some(mut files)) => {
                // With a folder of handlers the grants are for those handlers.
                if self.handlers.is_none() {
                    files = self.granted(files, Component::Files)?;
                }
                (files, "the built-in handler".into())
            }
            (Some(file), files) => {
                let mut handler = match files {
                    Some(handler) => handler,
                    None => self.plain(name)?,
                };
                handler.middleware.clone_from(&self.middleware);
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
            mounting: Mounting::Whole,
            place,
        }))
    }

    fn handlers_in(&self, folder: &Path) -> anyhow::Result<HandlersFolder> {
        if let Err(error) = std::fs::read_dir(folder) {
            bail!(
                "the folder of handlers {} cannot be read: {error}; create it, or correct the path",
                folder.display()
            );
        }
        let defaults = self.plain("handlers".into())?;
        Ok(HandlersFolder {
            path: folder.to_owned(),
            defaults: self.granted(defaults, Component::Files)?,
        })
    }

    /// A handler without grants.
    fn plain(&self, name: String) -> anyhow::Result<HandlerConfig> {
        Ok(HandlerConfig {
            name,
            limits: self.limits.handler()?,
            ..HandlerConfig::default()
        })
    }

    /// The handler with the grants on the command line in addition to its own.
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
            instances: self.instances.settings.clone(),
            ..handler
        })
    }

    /// The folder to serve, if any. The handler of `--handler` sees the folder only if SITE is given too.
    fn files(&self) -> Option<Files> {
        if self.site.is_none() && (self.handler.is_some() || self.handlers.is_some()) {
            return None;
        }
        let FileFlags {
            index,
            listing,
            spa,
            cache_control,
            dotfiles,
        } = &self.files;
        Some(Files {
            root: self.site.clone().unwrap_or_else(|| PathBuf::from(".")),
            index: index.clone(),
            listing: *listing,
            spa: spa.clone(),
            cache_control: cache_control.clone().map(|value| value.0),
            dotfiles: *dotfiles,
        })
    }
}
