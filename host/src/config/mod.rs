//! What a server is to do: its listeners, sites and routes, and the handlers behind them.
//!
//! All of it is plain data that can be compared: a change is what differs. It comes from `belljar.toml` or from the
//! flags of `belljar serve`; both say the same things by the same names.

mod answers;
mod document;
mod exposure;
mod file;
mod files;
mod form;
mod grants;
mod handlers;
mod names;
mod problem;
mod reader;
mod routes;
mod schema;
mod sites;
#[cfg(test)]
mod tests;
pub mod units;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::routing::{HostPattern, PathPattern};
use belljar_http as http;
use belljar_sandbox::{AllowedOrigin, Limits, Network, Outbound, Preopen, StoreLimits};

pub use self::files::Files;
pub use self::names::name_of;
pub use self::problem::{Position, Problem, Problems};

/// A whole configuration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub server: Server,
    pub sites: Vec<Site>,
}

/// What holds for all sites, and can only be changed by a new start.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    pub listen: Vec<SocketAddr>,
    /// Threads that serve requests; none: one for each processor.
    pub threads: Option<usize>,
    pub max_connections: usize,
    /// Instances of all handlers at once.
    pub max_instances: u32,
    /// How long requests in flight may go on once the server is told to stop.
    pub grace: Duration,
    pub http: http::Limits,
}

/// The hosts that are answered alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Empty: every host that no other site has.
    pub hosts: Vec<HostPattern>,
    pub routes: Vec<Route>,
    /// A folder whose components are routes.
    pub handlers: Option<HandlersFolder>,
}

/// A folder whose components are routes, named by their paths.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlersFolder {
    pub path: PathBuf,
    /// What a handler in it has that says nothing else in its own `.toml`. The name and the component are not used.
    pub defaults: HandlerConfig,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub path: PathPattern,
    pub action: Action,
    /// Where it is said, for messages: `belljar.toml:12`, `--handler`, `handlers/api/time.wasm`.
    pub place: String,
}

/// What answers a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Run(Arc<HandlerConfig>),
    Redirect(Redirect),
    Respond(Arc<StaticResponse>),
}

/// Sends the client elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// A path or URL, with `{name}` where the route's parameter of that name goes. The query is kept.
    pub to: String,
}

/// An answer that no handler is needed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A component, what it is granted, and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerConfig {
    /// How the log, the store and the handler itself call it. No two handlers of a server have the same.
    pub name: String,
    pub component: Component,
    pub grants: GrantConfig,
    pub limits: Limits,
    /// Requests that an instance may answer, one after the other.
    pub reuse: u32,
    /// Requests that an instance of wasi:http 0.3 may answer at once.
    pub concurrency: u32,
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// The embedded one that serves files.
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
    pub tcp: Vec<SocketAddr>,
    pub outbound: OutboundConfig,
    pub store: Option<StoreConfig>,
}

/// Requests to other servers.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboundConfig {
    pub origins: Vec<AllowedOrigin>,
    /// Networks that names may lead to although they are not public.
    pub private: Vec<Network>,
    /// Files with certificates of authorities.
    pub authorities: Vec<PathBuf>,
    pub connect_timeout: Duration,
    pub first_byte_timeout: Duration,
    pub between_bytes_timeout: Duration,
    pub max_head: usize,
    pub max_body: u64,
    pub connections: usize,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        let Outbound {
            connect_timeout,
            first_byte_timeout,
            between_bytes_timeout,
            max_head,
            max_body,
            connections,
            ..
        } = Outbound::default();
        Self {
            origins: Vec::new(),
            private: Vec::new(),
            authorities: Vec::new(),
            connect_timeout,
            first_byte_timeout,
            between_bytes_timeout,
            max_head,
            max_body,
            connections,
        }
    }
}

/// A store for keys and values.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreConfig {
    pub file: PathBuf,
    pub limits: StoreLimits,
}

impl Config {
    /// The JSON schema of `belljar.toml`.
    pub fn schema() -> serde_json::Value {
        schema::Schema::of::<file::File>().into_json()
    }
}

impl HandlerConfig {
    /// The JSON schema of the file beside a handler of a folder.
    pub fn schema() -> serde_json::Value {
        schema::Schema::of::<file::HandlerFile>().into_json()
    }
}

/// A handler that is granted nothing, of a component that is still to be named.
impl Default for HandlerConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            component: Component::File(PathBuf::new()),
            grants: GrantConfig::default(),
            limits: Limits::default(),
            reuse: 1,
            concurrency: 1,
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            threads: None,
            max_connections: 10_000,
            max_instances: 1000,
            grace: Duration::from_secs(10),
            http: http::Limits::default(),
        }
    }
}
