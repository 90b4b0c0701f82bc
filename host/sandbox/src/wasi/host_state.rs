//! What a store holds for its instance: handles, grants, accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::cli::environment;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::{self, Datetime};
use wasmtime_wasi::p2::bindings::filesystem;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfig;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::account::limits::Limits;
use crate::account::memory::{MemoryAccount, TotalMemory};
use crate::handler::Grants;
use crate::wasi::stdio::captured_output::{Recorder, Transcript};
use crate::wasi::stdio::log as output;
use crate::wasi::{keyvalue, outbound};

/// The host's side of one instance.
pub(crate) struct State {
    pub table: ResourceTable,
    pub memory: MemoryAccount,
    /// The number of the request that is being answered, for the log.
    request: Arc<AtomicU64>,
    /// Keeps what the guest writes, where its developer wants to know.
    recorder: Option<Recorder>,
    /// The file that was opened last.
    #[cfg(target_os = "linux")]
    pub opened: Option<crate::wasi::filesystem::lookup::Opened>,
    grants: Arc<Grants>,
    filesystem: WasiFilesystemCtx,
    /// Standard streams, clocks, random numbers, sockets: made when the guest first asks, which most never do.
    wasi: Option<Box<WasiCtx>>,
    http: WasiHttpCtx,
    /// Requests to other servers: as `wasi`.
    client: Option<Box<outbound::Client>>,
}

impl State {
    pub fn new(
        grants: Arc<Grants>,
        limits: &Limits,
        total: Arc<TotalMemory>,
        transcript: Option<Transcript>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.max_handles);
        Self {
            table,
            memory: MemoryAccount::new(limits, total),
            request: Arc::default(),
            recorder: transcript.map(Recorder::new),
            #[cfg(target_os = "linux")]
            opened: None,
            filesystem: grants.filesystem.context().clone(),
            grants,
            wasi: None,
            http: WasiHttpCtx::new(),
            client: None,
        }
    }

    /// Called when a request is about to be answered.
    pub fn begin(&mut self, request: u64, transcript: Option<Transcript>) {
        self.request.store(request, Ordering::Relaxed);
        if let (Some(recorder), Some(transcript)) = (&self.recorder, transcript) {
            recorder.turn_to(transcript);
        }
        #[cfg(target_os = "linux")]
        self.opened.take();
    }

    #[cfg(target_os = "linux")]
    pub fn absent(&self) -> &crate::wasi::filesystem::negative_cache::Absent {
        self.grants.filesystem.absent()
    }

    pub fn filesystem(&mut self) -> WasiFilesystemCtxView<'_> {
        WasiFilesystemCtxView {
            ctx: &mut self.filesystem,
            table: &mut self.table,
        }
    }

    pub fn keyvalue(&mut self) -> keyvalue::View<'_> {
        keyvalue::View {
            table: &mut self.table,
            store: self.grants.store.as_ref(),
            handler: &self.grants.name,
            denied: &self.grants.store_denied,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (grants, request, recorder) = (&self.grants, &self.request, &self.recorder);
        let wasi = self.wasi.get_or_insert_with(|| {
            let tcp = grants.tcp.clone();
            let mut builder = WasiCtx::builder();
            // Names are looked up for nobody: that is the builder's default.
            builder
                .allow_tcp(!tcp.is_empty())
                .socket_addr_check(move |address, purpose| {
                    let allowed = match purpose {
                        SocketAddrUse::TcpConnect => tcp.contains(&address),
                        // What connects is bound before that, to whatever is free.
                        SocketAddrUse::TcpBind => {
                            address.ip().is_unspecified() && address.port() == 0
                        }
                        _ => false,
                    };
                    Box::pin(async move { allowed })
                })
                .max_random_size(MAX_RANDOM)
                .envs(&grants.environment)
                .arg(&grants.name)
                .stdout(output::Log::new(
                    "stdout",
                    &grants.name,
                    request,
                    recorder.clone(),
                ))
                .stderr(output::Log::new(
                    "stderr",
                    &grants.name,
                    request,
                    recorder.clone(),
                ));
            let mut wasi = Box::new(builder.build());
            *wasi.filesystem() = grants.filesystem.context_of_async().clone();
            wasi
        });
        WasiCtxView {
            ctx: wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (grants, request) = (&self.grants, &self.request);
        let client = self.client.get_or_insert_with(|| {
            Box::new(outbound::Client::new(grants.clone(), request.clone()))
        });
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: client.as_mut(),
        }
    }
}

impl environment::Host for State {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.grants.environment.clone())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(vec![self.grants.name.clone()])
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl wall_clock::Host for State {
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

/// Links WASI 0.3 as far as a handler is granted it: all of `wasi:cli/imports` and `wasi:http/service`.
pub(crate) fn link_concurrent(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)
}

/// Links WASI 0.2 as far as a handler is granted it: all of `wasi:cli/imports` and `wasi:http/proxy`, and the drafts of
/// `wasi:config` and `wasi:keyvalue`.
pub(crate) fn link(linker: &mut Linker<State>, grants: &Grants) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    // Once more what requests do need often, without the rest of the context.
    linker.allow_shadowing(true);
    io::error::add_to_linker::<State, HasTable>(linker, |state| &mut state.table)?;
    io::poll::add_to_linker::<State, HasTable>(linker, |state| &mut state.table)?;
    io::streams::add_to_linker::<State, HasTable>(linker, |state| &mut state.table)?;
    environment::add_to_linker::<State, HasState>(linker, |state| state)?;
    wall_clock::add_to_linker::<State, HasState>(linker, |state| state)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;
    filesystem::types::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;
    #[cfg(target_os = "linux")]
    if crate::wasi::filesystem::lookup::is_available() {
        crate::wasi::filesystem::lookup::link(linker, grants.filesystem.on_thread())?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = grants;
    outbound::link(linker)?;
    linker.allow_shadowing(false);
    wasmtime_wasi_config::add_to_linker(linker, |state| WasiConfig::from(&state.grants.config))?;
    keyvalue::link(linker)
}

/// Whether [`link`] and [`link_concurrent`] provide what a component imports under this name.
pub(crate) fn provides(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else {
        return false;
    };
    let granted = [
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:http/outgoing-handler",
        "wasi:http/client",
        "wasi:http/types",
        "wasi:io/",
        "wasi:random/",
        "wasi:sockets/",
    ];
    match interface {
        "wasi:config/store" => version == "0.2.0-rc.1",
        "wasi:keyvalue/store" | "wasi:keyvalue/atomics" | "wasi:keyvalue/batch" => {
            version == "0.2.0-draft"
        }
        _ => {
            granted.iter().any(|package| interface.starts_with(package))
                && (version.starts_with("0.2.") || version.starts_with("0.3."))
        }
    }
}

/// Bytes of random numbers in one call, which nothing can interrupt.
const MAX_RANDOM: u64 = 1 << 20;

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

struct HasState;

impl HasData for HasState {
    type Data<'a> = &'a mut State;
}
