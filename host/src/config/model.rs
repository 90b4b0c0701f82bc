//! The configuration of a server as plain data that can be compared.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use belljar_http as http;
use belljar_sandbox::{
    Access, AllowedOrigin, AllowedTcp, Limits, Network, OutboundLimits, Preopen, StoreLimits,
};

use super::settings::{InstanceLimits, ServerLimits};
use crate::routing::{HostPattern, PathPattern};

/// A whole configuration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub server: Server,
    /// The most that the handlers of folders may be granted and use.
    pub ceiling: Arc<Ceiling>,
    pub sites: Vec<Site>,
    /// How the components are built, step after step. Servers do not build.
    pub build: Vec<BuildStep>,
}

/// A command that builds a component, or prepares that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildStep {
    /// For the system's shell, in the folder of the configuration file.
    pub command: String,
    /// The files and folders that the command reads.
    pub watch: Vec<PathBuf>,
    /// The file that the command writes. The step is left out while this file is newer than all that the command reads.
    pub result: Option<PathBuf>,
}

/// What applies to all sites. It takes effect only when the server starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    pub listen: Vec<SocketAddr>,
    pub limits: ServerLimits,
    pub http: http::Limits,
}

/// The most that the handlers of folders may be granted and use.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ceiling {
    /// Folders that may be granted, each with everything below it.
    pub dirs: Vec<(PathBuf, Access)>,
    /// Stores that may be granted: their files, or folders that contain them.
    pub stores: Vec<PathBuf>,
    /// Files with certificates that may be trusted, or folders that contain them.
    pub outbound_ca: Vec<PathBuf>,
    pub tcp: Vec<AllowedTcp>,
    pub origins: Vec<AllowedOrigin>,
    pub private: Vec<Network>,
    pub outbound_limits: OutboundLimits,
    pub store_limits: StoreLimits,
    pub limits: Limits,
}

/// A group of hosts with the same routes.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Empty: every host that no other site names.
    pub hosts: Vec<HostPattern>,
    pub routes: Vec<Route>,
    /// A folder whose components are routes.
    pub handlers: Option<HandlersFolder>,
}

/// A folder whose components are routes, named by their paths.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlersFolder {
    pub path: PathBuf,
    /// The configuration of a handler without a settings file of its own. The name and the component are not used.
    pub defaults: HandlerConfig,
}

/// A path, and what answers its requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub path: PathPattern,
    pub action: Action,
    /// Which path a handler sees.
    pub mounting: Mounting,
    /// Where the route is defined, for messages: `belljar.toml:12`, `--handler`, `handlers/api/time.wasm`.
    pub place: String,
}

/// Which path a handler sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounting {
    /// The whole path of the request.
    Whole,
    /// What is left of it after the segments of the route that come before its rest.
    AtRoute,
}

/// How a route answers a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Run(Arc<HandlerConfig>),
    Redirect(Redirect),
    Respond(Arc<StaticResponse>),
}

/// Sends the client to another location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// A path or URL. The route's parameter replaces `{name}`. The query is kept.
    pub to: String,
}

/// A fixed response, without a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A component, its grants and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerConfig {
    /// The name in the log, in the store and in the handler itself. It is unique among the handlers of a server.
    pub name: String,
    pub component: Component,
    /// Components in front of it, outermost first.
    pub middleware: Vec<PathBuf>,
    pub grants: GrantConfig,
    pub limits: Limits,
    pub instances: InstanceLimits,
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// The embedded component that serves files.
    Files,
    File(PathBuf),
}

/// What a handler may see and use beyond its request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GrantConfig {
    pub dirs: Vec<Preopen>,
    pub environment: Vec<(String, String)>,
    /// Values of wasi:config/store.
    pub config: Vec<(String, String)>,
    pub tcp: Vec<AllowedTcp>,
    pub outbound: OutboundConfig,
    pub store: Option<StoreConfig>,
    /// Whether the grants were compared with the ceiling. Their paths are then without links, and are opened without
    /// following any, so that a link made later leads nowhere.
    pub beneath: bool,
}

/// Requests to other servers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OutboundConfig {
    pub origins: Vec<AllowedOrigin>,
    /// Networks that host names may resolve to although they are not public.
    pub private: Vec<Network>,
    /// Files with the certificates of authorities.
    pub authorities: Vec<PathBuf>,
    pub limits: OutboundLimits,
}

/// A key-value store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreConfig {
    pub file: PathBuf,
    pub limits: StoreLimits,
}

/// A handler without grants, whose component is still to be named.
impl Default for HandlerConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            component: Component::File(PathBuf::new()),
            middleware: Vec::new(),
            grants: GrantConfig::default(),
            limits: Limits::default(),
            instances: InstanceLimits::default(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            limits: ServerLimits::default(),
            http: http::Limits::default(),
        }
    }
}
