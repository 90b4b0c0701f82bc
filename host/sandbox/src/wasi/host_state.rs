//! The host state of an instance: its handles, grants and account.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::{WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::cli::environment;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::{self, Datetime};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::config::Values;
use super::denial_log::DenialLog;
#[cfg(target_os = "linux")]
use super::filesystem::last_opened::LastOpened;
use super::filesystem::preopens::PreopensView;
#[cfg(target_os = "linux")]
use super::filesystem::view::{FilesHost, FilesView};
use super::grants::Grants;
use super::handle_memory::{FIELDS, HandleMemory};
use super::keyvalue;
#[cfg(target_os = "linux")]
use super::open_files::OpenFiles;
use super::outbound;
use super::sockets::{Resolved, SocketsView, is_permitted};
use super::stdio::captured_output::{CapturedOutput, Recorder};
use super::stdio::log::GuestLog;
use crate::account::ledger::{Account, Exceeded};
use crate::account::limits::Limits;
use crate::account::memory::MemoryLimiter;
use crate::account::resource::{DENIED_LINES, Resource, Scope};

/// What the host keeps for one instance.
pub(crate) struct HostState {
    pub table: ResourceTable,
    pub memory: MemoryLimiter,
    account: Arc<Account>,
    /// The number of the current request, for the log.
    request: Arc<AtomicU64>,
    /// Captures the guest's output, if the handler is being developed.
    recorder: Option<Recorder>,
    /// The file that the guest opened last.
    #[cfg(target_os = "linux")]
    last_opened: Option<LastOpened>,
    #[cfg(target_os = "linux")]
    open_files: OpenFiles,
    grants: Arc<Grants>,
    /// The folders, for the file operations that wasmtime-wasi implements. Made when the guest first needs them.
    filesystem: Option<WasiFilesystemCtx>,
    /// Standard streams, clocks, random numbers and sockets. Made when the guest first uses one; most guests never do.
    wasi: Option<Box<WasiCtx>>,
    /// The addresses of names that the guest looked up. Made with `wasi`.
    resolved: Option<Resolved>,
    /// Made when the guest first uses `wasi:logging`.
    messages: Option<GuestLog>,
    http: WasiHttpCtx,
    /// Made when the guest first uses wasi:http.
    handle_memory: Option<HandleMemory>,
    /// The client for requests to other servers. Made when the guest first sends one.
    client: Option<Box<outbound::Client>>,
}

impl HostState {
    /// The state of a new instance, with an account below `account`.
    pub fn new(
        grants: Arc<Grants>,
        limits: &Limits,
        account: &Arc<Account>,
        output: Option<CapturedOutput>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.max_handles);
        let account = Arc::new(
            account
                .child(Scope::Instance)
                .limited(Resource::Memory, limits.memory as u64)
                .limited(
                    Resource::OutboundConnections,
                    grants.outbound.settings.limits.connections as u64,
                )
                .limited(Resource::DeniedLines, DENIED_LINES),
        );
        Self {
            table,
            memory: MemoryLimiter::new(account.clone()),
            account,
            request: Arc::default(),
            recorder: output.map(Recorder::new),
            #[cfg(target_os = "linux")]
            last_opened: None,
            #[cfg(target_os = "linux")]
            open_files: OpenFiles::default(),
            filesystem: None,
            grants,
            wasi: None,
            resolved: None,
            messages: None,
            http: WasiHttpCtx::new(),
            handle_memory: None,
            client: None,
        }
    }

    /// Prepares the state for the next request.
    pub fn begin(&mut self, request: u64, output: Option<CapturedOutput>) {
        self.request.store(request, Ordering::Relaxed);
        if let (Some(recorder), Some(output)) = (&self.recorder, output) {
            recorder.turn_to(output);
        }
        #[cfg(target_os = "linux")]
        {
            self.last_opened = None;
        }
    }

    /// The account of the handler, for what outlives the instance.
    pub fn handler_account(&self) -> &Arc<Account> {
        self.account.parent().unwrap_or(&self.account)
    }

    /// Why the instance gets no further handles, if it was refused memory for them.
    pub fn refused_handles(&self) -> Option<Exceeded> {
        self.handle_memory.as_ref()?.refused
    }

    /// Charges the memory of the handles of wasi:http.
    fn charge_handles(&mut self) {
        if self.handle_memory.is_none() {
            self.http.set_field_size_limit(FIELDS);
            let account = self.handler_account().clone();
            self.handle_memory = Some(HandleMemory::new(account));
        }
        if let Some(memory) = &mut self.handle_memory
            && !memory.before_call(&mut self.table)
        {
            // The next handle makes the guest trap.
            self.table.set_max_capacity(0);
        }
    }

    pub fn filesystem(&mut self) -> WasiFilesystemCtxView<'_> {
        let grants = &self.grants;
        let context = || grants.filesystem.context().clone();
        WasiFilesystemCtxView {
            ctx: self.filesystem.get_or_insert_with(context),
            table: &mut self.table,
        }
    }

    pub fn preopens(&mut self) -> PreopensView<'_> {
        PreopensView {
            table: &mut self.table,
            preopens: self.grants.filesystem.preopens(),
        }
    }

    pub fn keyvalue(&mut self) -> keyvalue::KeyValueView<'_> {
        keyvalue::KeyValueView {
            table: &mut self.table,
            store: self.grants.store.as_ref(),
            handler: &self.grants.name,
            denied: &self.grants.store_denied,
        }
    }

    pub fn tcp(&mut self) -> SocketsView<'_> {
        SocketsView {
            table: &mut self.table,
            account: &self.account,
            grant: &self.grants.tcp,
            resolved: self.resolved.get_or_insert_default(),
            denials: DenialLog::new(&self.grants.name, &self.account, &self.request),
        }
    }

    pub fn values(&self) -> &Values {
        &self.grants.values
    }

    /// Where the messages of `wasi:logging` go.
    pub fn messages(&mut self) -> &GuestLog {
        self.messages.get_or_insert_with(|| {
            let recorder = self.recorder.clone();
            GuestLog::new("log", &self.grants.name, &self.request, recorder)
        })
    }
}

#[cfg(target_os = "linux")]
impl FilesHost for HostState {
    fn files(&mut self) -> FilesView<'_> {
        let filesystem = &self.grants.filesystem;
        FilesView {
            table: &mut self.table,
            account: &self.account,
            open_files: &mut self.open_files,
            last_opened: &mut self.last_opened,
            negative_cache: filesystem.negative_cache(),
            work: filesystem.work(),
        }
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (grants, request, recorder) = (&self.grants, &self.request, &self.recorder);
        let wasi = self.wasi.get_or_insert_with(|| {
            let (tcp, resolved) = (grants.tcp.clone(), self.resolved.get_or_insert_default());
            let resolved = resolved.clone();
            let denials = DenialLog::new(&grants.name, &self.account, request);
            let log = |stream| GuestLog::new(stream, &grants.name, request, recorder.clone());
            let mut builder = WasiCtx::builder();
            builder
                .allow_tcp(!tcp.connections.allowed.is_empty())
                .socket_addr_check(move |address, purpose| {
                    let tcp = &tcp.connections;
                    let allowed = is_permitted(tcp, &resolved, &denials, address, purpose);
                    Box::pin(async move { allowed })
                })
                .max_random_size(MAX_RANDOM)
                .envs(&grants.environment)
                .arg(&*grants.name)
                .stdout(log("stdout"))
                .stderr(log("stderr"));
            let mut wasi = Box::new(builder.build());
            *wasi.filesystem() = grants.filesystem.context().clone();
            wasi
        });
        WasiCtxView {
            ctx: wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for HostState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.charge_handles();
        let (grants, account, request) = (&self.grants, &self.account, &self.request);
        let client = self.client.get_or_insert_with(|| {
            let denials = DenialLog::new(&grants.name, account, request);
            Box::new(outbound::Client::new(
                grants.outbound.clone(),
                account,
                denials,
            ))
        });
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: client.as_mut(),
        }
    }
}

impl environment::Host for HostState {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.grants.environment.clone())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(vec![self.grants.name.to_string()])
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl wall_clock::Host for HostState {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        Ok(datetime(SystemTime::now().duration_since(UNIX_EPOCH)?))
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        Ok(datetime(Duration::from_nanos(1)))
    }
}

fn datetime(duration: Duration) -> Datetime {
    Datetime {
        seconds: duration.as_secs(),
        nanoseconds: duration.subsec_nanos(),
    }
}

/// The most random bytes in one call, because nothing can interrupt it.
const MAX_RANDOM: u64 = 1 << 20;
