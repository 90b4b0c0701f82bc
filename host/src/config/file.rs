//! The keys of `belljar.toml`, and of the file beside a handler of a folder.
//!
//! Files are read into these types, and the JSON schemas are made from them with the doc comments as descriptions.
//! Documents are validated against the schemas, which say what is required: every key is optional here. Settings have no
//! fields: the schemas take them from their tables, and [`Reader::settings`](super::reader::Reader::settings) reads them.

use std::collections::BTreeMap;

use belljar_http as http;
use belljar_sandbox::{Limits, OutboundLimits, StoreLimits};
use schemars::JsonSchema;
use serde::Deserialize;

use super::schema::add_settings;
use super::settings::{InstanceLimits, ServerLimits};
use super::value::{
    CeilingDir, Dir, FieldValue, Host, Listen, NetworkText, Origin, Path, TcpTarget,
};

/// Configuration of a belljar server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(
    title = "belljar.toml",
    deny_unknown_fields,
    extend("x-in" = "at the top of the file"),
    transform = add_settings::<ServerLimits>
)]
pub struct File {
    /// Addresses to listen on. Port 0 takes a free port.
    #[schemars(length(min = 1), extend("default" = ["127.0.0.1:8080"]))]
    pub listen: Option<Vec<Listen>>,

    #[expect(dead_code, reason = "its settings are read from the document")]
    pub http: Option<HttpTable>,

    /// Limits of every handler that does not set its own.
    #[expect(dead_code, reason = "its settings are read from the document")]
    pub limits: Option<LimitTable>,

    pub ceiling: Option<CeilingTable>,

    /// Commands that build the components, for `belljar dev`. They run in this order, in the folder of this file.
    pub build: Option<Vec<BuildTable>>,

    /// Sites, each a group of hosts with the same routes.
    pub site: Option<Vec<SiteTable>>,

    /// Routes of the site for all other hosts.
    pub route: Option<Vec<RouteTable>>,

    /// Folder to serve where no route matches, in the site for all other hosts.
    pub files: Option<Short<FilesTable>>,

    /// Folder of handlers whose routes join the site for all other hosts.
    pub handlers: Option<String>,
}

/// A command that builds a component, or prepares that.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "build", deny_unknown_fields, extend("x-in" = "in a build"))]
pub struct BuildTable {
    /// Command for the system's shell.
    #[schemars(required, length(min = 1))]
    pub command: Option<String>,

    /// Files and folders that the command reads. It runs again when one of them changes. By default the folder of this
    /// file.
    #[schemars(length(min = 1))]
    pub watch: Option<Vec<String>>,

    /// File that the command writes. The command is left out while this file is newer than all that it reads.
    pub result: Option<String>,
}

/// How much a client may send, and how long it may take.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(
    rename = "http",
    deny_unknown_fields,
    extend("x-in" = "in [http]"),
    transform = add_settings::<http::Limits>
)]
pub struct HttpTable {}

/// A group of hosts with the same routes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "site", deny_unknown_fields, extend("x-in" = "in a site"))]
pub struct SiteTable {
    /// Host names such as `example.com`, or `*.example.com` for all names below it. By default every host that no other
    /// site names.
    #[schemars(length(min = 1))]
    pub hosts: Option<Vec<Host>>,

    /// Folder to serve where no route matches: its path, or a table.
    pub files: Option<Short<FilesTable>>,

    /// Folder of handlers whose routes join those of the site.
    pub handlers: Option<String>,

    /// Routes of the site.
    pub route: Option<Vec<RouteTable>>,
}

/// A folder, and how its files are served.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "files", deny_unknown_fields, extend("x-in" = "in files"))]
pub struct FilesTable {
    /// The folder.
    #[schemars(required)]
    pub root: Option<String>,

    /// Name of a folder's index page. Empty: folders have no index page.
    #[schemars(extend("default" = "index.html"))]
    pub index: Option<String>,

    /// List the files of a folder that has no index page.
    #[schemars(extend("default" = false))]
    pub listing: Option<bool>,

    /// Page to serve for every path without a file, for applications that route in the browser.
    pub spa: Option<String>,

    /// Cache-Control field of files. Empty: files have no such field.
    #[schemars(extend("default" = "no-cache"))]
    pub cache_control: Option<FieldValue>,

    /// Serve files whose names start with a dot.
    #[schemars(extend("default" = false))]
    pub dotfiles: Option<bool>,
}

/// A path, and what answers its requests: a component, files, a redirect or a response.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(
    rename = "route",
    deny_unknown_fields,
    extend("x-in" = "in a route"),
    transform = add_settings::<InstanceLimits>
)]
pub struct RouteTable {
    /// Path of the requests, such as `/about`. `:name` matches one segment; `*` or `*name` at the end matches the rest.
    #[schemars(required)]
    pub path: Option<Path>,

    /// Component that answers: a `.wasm` file.
    pub component: Option<String>,

    /// Folder to serve below the path, which ends in `*`.
    pub files: Option<Short<FilesTable>>,

    /// Components in front of the handler: `.wasm` files, the outermost first. Each answers a request itself or passes it on
    /// to the next one.
    pub middleware: Option<Vec<String>>,

    /// Location to send the client to: a path or URL, or a table. The path's parameter replaces `{name}`.
    pub redirect: Option<Short<RedirectTable>>,

    /// Fixed response, without a handler.
    pub response: Option<ResponseTable>,

    /// Name of the handler in the log and in the store. By default the component's file name without its extension.
    #[schemars(length(min = 1))]
    pub name: Option<String>,

    /// Whether the component sees only the rest of the path, which the `*` at its end matches. Fields of the request tell
    /// it the beginning.
    #[schemars(extend("default" = false))]
    pub strip_prefix: Option<bool>,

    pub grants: Option<GrantTable>,

    /// Limits of this handler. They override the limits of all handlers.
    #[expect(dead_code, reason = "its settings are read from the document")]
    pub limits: Option<LimitTable>,
}

/// Configuration of a handler in a folder: `time.toml` beside `time.wasm`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(
    title = "The file beside a handler",
    deny_unknown_fields,
    extend("x-in" = "at the top of the file"),
    transform = add_settings::<InstanceLimits>
)]
pub struct HandlerFile {
    pub grants: Option<GrantTable>,

    /// Limits of this handler. They override the limits of all handlers.
    #[expect(dead_code, reason = "its settings are read from the document")]
    pub limits: Option<LimitTable>,
}

/// Sends the client to another location.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "redirect", deny_unknown_fields, extend("x-in" = "in a redirect"))]
pub struct RedirectTable {
    /// Location: a path or URL. The path's parameter replaces `{name}`. The query is kept.
    #[schemars(required)]
    pub to: Option<String>,

    /// Status code. 308 (permanent) and 307 (temporary) keep the method; 301, 302 and 303 turn a POST into a GET.
    #[schemars(extend("enum" = [301, 302, 303, 307, 308], "default" = 308))]
    pub status: Option<u16>,
}

/// A fixed response, without a handler.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "response", deny_unknown_fields, extend("x-in" = "in a response"))]
pub struct ResponseTable {
    /// Status code.
    #[schemars(range(min = 200, max = 599), extend("default" = 200))]
    pub status: Option<u16>,

    /// Header fields by name.
    pub headers: Option<BTreeMap<String, FieldValue>>,

    /// Body, as text. Its type is `text/plain` unless the headers have a `Content-Type`. By default empty.
    pub body: Option<String>,
}

/// What a handler may see and use beyond its request, clocks and random numbers. By default nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(
    rename = "grants",
    deny_unknown_fields,
    extend("x-in" = "in grants"),
    transform = add_settings::<OutboundLimits>,
    transform = add_settings::<StoreLimits>
)]
pub struct GrantTable {
    /// Folders that the handler can read, as HOST::GUEST; with HOST::GUEST:rw it can also write.
    pub dirs: Option<Vec<Dir>>,

    /// Environment variables of the handler.
    pub env: Option<BTreeMap<String, String>>,

    /// Values that the handler reads through wasi:config/store.
    pub config: Option<BTreeMap<String, String>>,

    /// Hosts and ports that the handler may connect to over TCP.
    pub allow_tcp: Option<Vec<TcpTarget>>,

    /// Origins that the handler may send requests to. `https://*.example.com` allows all names below it, `:*` any port.
    pub allow_outbound: Option<Vec<Origin>>,

    /// Private networks that the allowed host names may resolve to.
    pub allow_private: Option<Vec<NetworkText>>,

    /// PEM files with the certificates of further authorities for https servers, besides those of Mozilla's root program.
    pub outbound_ca: Option<Vec<String>>,

    /// File for the handler's key-value store (wasi:keyvalue). The server creates it if it does not exist.
    pub store: Option<String>,
}

/// The most that the files beside the handlers of folders may grant, and how far they may raise limits. Without it they
/// grant no folder, store, origin or address, and raise no limit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(
    rename = "ceiling",
    deny_unknown_fields,
    extend("x-in" = "in the ceiling"),
    transform = add_settings::<OutboundLimits>,
    transform = add_settings::<StoreLimits>
)]
pub struct CeilingTable {
    /// Folders that may be granted for reading, each with everything below it; with `:rw` at the end also for writing.
    pub dirs: Option<Vec<CeilingDir>>,

    /// Folders in which the files of stores may be.
    pub stores: Option<Vec<String>>,

    /// Hosts and ports that may be allowed.
    pub allow_tcp: Option<Vec<TcpTarget>>,

    /// Origins that may be allowed. A wildcard covers neither `localhost` nor addresses that are not public.
    pub allow_outbound: Option<Vec<Origin>>,

    /// Private networks that may be allowed, each with its parts.
    pub allow_private: Option<Vec<NetworkText>>,

    /// Folders in which the certificates of further authorities may be.
    pub outbound_ca: Option<Vec<String>>,

    /// How far the limits of a handler may be raised. By default not beyond the limits of all handlers.
    #[expect(dead_code, reason = "its settings are read from the document")]
    pub limits: Option<LimitTable>,
}

/// What a handler and each of its requests may use of the machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(
    rename = "limits",
    deny_unknown_fields,
    extend("x-in" = "in limits"),
    transform = add_settings::<Limits>
)]
pub struct LimitTable {}

/// A table, or only its most important value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Short<T> {
    Text(String),
    Table(T),
}
