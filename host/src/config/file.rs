//! What may be written in `belljar.toml`, and in the file beside a handler of a folder.
//!
//! These types are the one definition: the files are read into them, the JSON schemas are made of them with these very
//! comments, and documents are checked against the schemas. Every key may be absent here; what has to be there the
//! schema says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::{
    Dir, FieldValue, HeadSize, Host, InstanceMemory, Listen, Memory, NetworkText, Origin, Path,
    RateText, Size, SomeTime, TcpAddress, Time,
};

/// What a server is to do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "belljar.toml", extend("x-in" = "at the top of the file"))]
pub struct File {
    /// Addresses to listen on. Port 0 takes a free one.
    #[schemars(length(min = 1), extend("default" = ["127.0.0.1:8080"]))]
    pub listen: Option<Vec<Listen>>,

    /// Threads that serve requests. By default one for each processor.
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<u16>,

    /// For requests in flight to finish, once the server is told to stop.
    #[schemars(extend("default" = "10s"))]
    pub grace: Option<Time>,

    /// Connections at once. Beyond it the longest idle is closed.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 10_000))]
    pub max_connections: Option<u32>,

    /// Instances of all handlers at once.
    #[schemars(range(min = 1, max = 10_000), extend("default" = 1000))]
    pub max_instances: Option<u32>,

    pub http: Option<HttpTable>,

    /// What every handler has that says nothing else in limits of its own.
    pub limits: Option<LimitTable>,

    /// The hosts that are answered alike.
    pub site: Option<Vec<SiteTable>>,

    /// What a path leads to, in the site of all hosts that no other has.
    pub route: Option<Vec<RouteTable>>,

    /// The folder that answers where no route does, in the site of all hosts that no other has.
    pub files: Option<Short<FilesTable>>,

    /// A folder of handlers, whose files' routes join those of the site of all hosts that no other has.
    pub handlers: Option<String>,
}

/// What a client may send, and how long it may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "http", extend("x-in" = "in [http]"))]
pub struct HttpTable {
    /// For a request's head to arrive, from its first byte on. Beyond it: 408.
    #[schemars(extend("default" = "10s"))]
    pub header_timeout: Option<SomeTime>,

    /// Wait for a request's body; grows by a second for each KiB that arrived. Beyond it: 408.
    #[schemars(extend("default" = "30s"))]
    pub body_timeout: Option<SomeTime>,

    /// Wait for the next request of a connection. Beyond it the connection is closed.
    #[schemars(extend("default" = "60s"))]
    pub idle_timeout: Option<SomeTime>,

    /// Wait for a client that takes nothing of its response. Beyond it the connection is cut.
    #[schemars(extend("default" = "30s"))]
    pub send_timeout: Option<SomeTime>,

    /// Wait for a handler that sends nothing more of a response it has begun. Beyond it the connection is cut.
    #[schemars(extend("default" = "60s"))]
    pub stream_timeout: Option<SomeTime>,

    /// A request's head, and a response's; 256B to 1MiB. Beyond it: 431, for the target alone 414, for a response 500.
    #[schemars(extend("default" = "32KiB"))]
    pub max_head: Option<HeadSize>,

    /// A request's body. Beyond it: 413.
    #[schemars(extend("default" = "64MiB"))]
    pub max_body: Option<Size>,
}

/// The hosts that are answered alike.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "site", extend("x-in" = "in a site"))]
pub struct SiteTable {
    /// Names such as `example.com`, or `*.example.com` for all below it. By default every host that no other site has.
    #[schemars(length(min = 1))]
    pub hosts: Option<Vec<Host>>,

    /// The folder that answers where no route does: its path, or a table.
    pub files: Option<Short<FilesTable>>,

    /// A folder of handlers, whose files' routes join those of the site.
    pub handlers: Option<String>,

    /// What a path leads to.
    pub route: Option<Vec<RouteTable>>,
}

/// A folder, and how its files are served.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "files", extend("x-in" = "in files"))]
pub struct FilesTable {
    /// The folder.
    #[schemars(required)]
    pub root: Option<String>,

    /// The page of a folder. Empty: folders have none.
    #[schemars(extend("default" = "index.html"))]
    pub index: Option<String>,

    /// List the files of a folder that has no such page.
    #[schemars(extend("default" = false))]
    pub listing: Option<bool>,

    /// Page for every address that is no file, for applications that route in the browser.
    pub spa: Option<String>,

    /// The Cache-Control field of files. Empty: they have none.
    #[schemars(extend("default" = "no-cache"))]
    pub cache_control: Option<FieldValue>,

    /// Serve files whose names begin with a dot, too.
    #[schemars(extend("default" = false))]
    pub dotfiles: Option<bool>,
}

/// What a path leads to: a component, a redirect or a response.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "route", extend("x-in" = "in a route"))]
pub struct RouteTable {
    /// Exact, such as `/about`; `:name` stands for a segment, and `*` or `*name` at the end for all that follows.
    #[schemars(required)]
    pub path: Option<Path>,

    /// The component that answers: a `.wasm` file.
    pub component: Option<String>,

    /// Where the client is sent: a path or URL, in which `{name}` is the path's parameter of that name; or a table.
    pub redirect: Option<Short<RedirectTable>>,

    /// An answer that no handler is needed for.
    pub response: Option<ResponseTable>,

    /// How the log, the store and the handler itself call it. By default the component's file name without its ending.
    #[schemars(length(min = 1))]
    pub name: Option<String>,

    /// Requests that an instance answers, one after the other. 1: a fresh one for each.
    #[schemars(range(min = 1, max = 4_294_967_295_u32), extend("default" = 1))]
    pub reuse: Option<u32>,

    /// Requests that an instance of wasi:http 0.3 answers at once, of those allowed by reuse.
    #[schemars(range(min = 1, max = 4_294_967_295_u32), extend("default" = 1))]
    pub concurrency: Option<u32>,

    pub grants: Option<GrantTable>,

    /// What differs from the limits of all handlers.
    pub limits: Option<LimitTable>,
}

/// What stands beside a handler of a folder: `time.toml` beside `time.wasm`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "The file beside a handler", extend("x-in" = "at the top of the file"))]
pub struct HandlerFile {
    /// Requests that an instance answers, one after the other. 1: a fresh one for each.
    #[schemars(range(min = 1, max = 4_294_967_295_u32), extend("default" = 1))]
    pub reuse: Option<u32>,

    /// Requests that an instance of wasi:http 0.3 answers at once, of those allowed by reuse.
    #[schemars(range(min = 1, max = 4_294_967_295_u32), extend("default" = 1))]
    pub concurrency: Option<u32>,

    pub grants: Option<GrantTable>,

    /// What differs from the limits of all handlers.
    pub limits: Option<LimitTable>,
}

/// Sends the client elsewhere.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "redirect", extend("x-in" = "in a redirect"))]
pub struct RedirectTable {
    /// A path or URL, in which `{name}` is the path's parameter of that name. The query is kept.
    #[schemars(required)]
    pub to: Option<String>,

    /// 308 and 307 keep the method, for good and for now; 301, 302 and 303 make a GET of a POST.
    #[schemars(extend("enum" = [301, 302, 303, 307, 308], "default" = 308))]
    pub status: Option<u16>,
}

/// An answer that no handler is needed for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "response", extend("x-in" = "in a response"))]
pub struct ResponseTable {
    #[schemars(range(min = 200, max = 599), extend("default" = 200))]
    pub status: Option<u16>,

    /// Fields by name.
    pub headers: Option<BTreeMap<String, FieldValue>>,

    /// Text, sent as `text/plain` unless a header says otherwise. By default empty.
    pub body: Option<String>,
}

/// What a handler may see and use beyond its request, clocks and random numbers. By default nothing.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "grants", extend("x-in" = "in grants"))]
pub struct GrantTable {
    /// Folders that the handler sees: HOST::GUEST, writable only as HOST::GUEST:rw.
    pub dirs: Option<Vec<Dir>>,

    /// Environment variables of the handler.
    pub env: Option<BTreeMap<String, String>>,

    /// Values that the handler finds in wasi:config/store.
    pub config: Option<BTreeMap<String, String>>,

    /// Addresses and ports that the handler may connect to by TCP.
    pub allow_tcp: Option<Vec<TcpAddress>>,

    /// Origins that the handler may send requests to; `https://*.example.com` is all names below, `:*` any port.
    pub allow_outbound: Option<Vec<Origin>>,

    /// Networks that the names among them may lead to although they are not public.
    pub allow_private: Option<Vec<NetworkText>>,

    /// Files with certificates (PEM) of authorities that may vouch for https servers, besides Mozilla's.
    pub outbound_ca: Option<Vec<String>>,

    /// For a connection to another server. Beyond it the handler gets an error, as with the next four.
    #[schemars(extend("default" = "5s"))]
    pub outbound_connect_timeout: Option<SomeTime>,

    /// Between a request's end and its response's beginning.
    #[schemars(extend("default" = "20s"))]
    pub outbound_first_byte_timeout: Option<SomeTime>,

    /// Between the parts of a response.
    #[schemars(extend("default" = "20s"))]
    pub outbound_between_bytes_timeout: Option<SomeTime>,

    /// The head of a response; 256B to 1MiB.
    #[schemars(extend("default" = "32KiB"))]
    pub outbound_max_head: Option<HeadSize>,

    /// The body of a response.
    #[schemars(extend("default" = "1GiB"))]
    pub outbound_max_body: Option<Size>,

    /// Connections of an instance at once. Further requests wait for one to end.
    #[schemars(range(min = 1, max = 1000), extend("default" = 8))]
    pub outbound_connections: Option<u16>,

    /// File that keeps what the handler puts into wasi:keyvalue, under the handler's name; made if it is not there.
    pub store: Option<String>,

    /// All that the handler keeps; an entry counts as its key, its value, its bucket's name and 64 bytes. Beyond it the
    /// handler gets an error, as with the next two.
    #[schemars(extend("default" = "64MiB"))]
    pub store_max_bytes: Option<Size>,

    /// A key.
    #[schemars(extend("default" = "1KiB"))]
    pub store_max_key: Option<Memory>,

    /// A value.
    #[schemars(extend("default" = "1MiB"))]
    pub store_max_value: Option<Memory>,
}

/// What a handler and each of its requests may use of the machine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "limits", extend("x-in" = "in limits"))]
pub struct LimitTable {
    /// Wall clock of a request in the handler. Beyond it: 504.
    #[schemars(extend("default" = "30s"))]
    pub timeout: Option<SomeTime>,

    /// Processor time of a request in the handler. Beyond it: 504.
    #[schemars(extend("default" = "10s"))]
    pub cpu: Option<SomeTime>,

    /// All memories of an instance together. Beyond it `memory.grow` fails.
    #[schemars(extend("default" = "64MiB"))]
    pub memory: Option<InstanceMemory>,

    /// All memories of all the handler's instances together; by default without a limit of its own. Beyond it
    /// `memory.grow` fails.
    pub total_memory: Option<InstanceMemory>,

    /// Files, streams and other handles of an instance. Beyond it: 500.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 256))]
    pub max_handles: Option<usize>,

    /// Instances of the handler at once; by default as many as all handlers may have. Beyond it requests wait.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_instances: Option<u32>,

    /// Requests that wait for an instance. Beyond it: 503 at once.
    #[schemars(range(min = 0, max = 1_000_000), extend("default" = 10_000))]
    pub max_queue: Option<u32>,

    /// Wait for an instance. Beyond it: 503.
    #[schemars(extend("default" = "5s"))]
    pub queue_timeout: Option<Time>,

    /// Requests of all clients together; by default without a limit. Beyond it: 429.
    pub rate: Option<RateText>,

    /// Requests of one client, by its address; by default without a limit. Beyond it: 429.
    pub client_rate: Option<RateText>,
}

/// A table, or the one text that most people need of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Short<T> {
    Text(String),
    Table(T),
}
