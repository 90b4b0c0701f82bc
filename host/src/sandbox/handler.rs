//! A handler: a component with what it was granted, ready to be instantiated for a request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi_config::WasiConfigVariables;

use super::call::{Answer, Call, Ended};
use super::contract::{Contract, Early, Job, Outside, Prepared};
use super::crew::{Crew, Crews};
use super::engine::Engine;
use super::failure::{CpuExceeded, Failure, LoadError};
use super::filesystem::{FileSystem, Preopen};
use super::instance::{Instance, Kept, Live};
use super::keyvalue::Buckets;
use super::lanes;
use super::outbound::{Egress, Outbound};
use super::run::Run;
use super::state::{self, State};
use crate::http::{Request, Response};

/// What a handler may see beyond its request.
pub struct Grants {
    pub(super) name: String,
    pub(super) environment: Vec<(String, String)>,
    pub(super) filesystem: FileSystem,
    pub(super) outbound: Egress,
    pub(super) tcp: Arc<[SocketAddr]>,
    pub(super) config: WasiConfigVariables,
    pub(super) has_config: bool,
    pub(super) store: Option<Buckets>,
    pub(super) has_store: bool,
    pub(super) store_denied: Once,
}

impl Grants {
    /// `name` is how the log calls the handler.
    ///
    /// # Errors
    ///
    /// Names the folder that cannot be opened.
    pub fn new(
        name: String,
        environment: Vec<(String, String)>,
        preopens: &[Preopen],
    ) -> anyhow::Result<Self> {
        Ok(Self {
            name,
            environment,
            filesystem: FileSystem::open(preopens)?,
            outbound: Egress::default(),
            tcp: Arc::default(),
            config: WasiConfigVariables::new(),
            has_config: false,
            store: None,
            has_store: false,
            store_denied: Once::new(),
        })
    }

    /// Lets the handler send requests to other servers.
    pub fn outbound(mut self, outbound: Outbound) -> Self {
        self.outbound = Egress::new(outbound);
        self
    }

    /// Lets the handler connect to these addresses and ports (`wasi:sockets/tcp`).
    pub fn tcp(mut self, addresses: &[SocketAddr]) -> Self {
        self.tcp = addresses.into();
        self
    }

    /// Gives the handler values by name (`wasi:config/store`).
    pub fn config(mut self, values: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in values {
            self.config.insert(name, value);
            self.has_config = true;
        }
        self
    }

    /// Gives the handler a store for keys and values.
    pub fn store(mut self, store: Buckets) -> Self {
        self.store = Some(store);
        self.store_to_come()
    }

    /// Counts a store as granted that is not opened, for an [`Inspection`](super::Inspection).
    pub fn store_to_come(mut self) -> Self {
        self.has_store = true;
        self
    }
}

/// A loaded component and its grants.
pub struct Handler {
    engine: Arc<Engine>,
    wasmtime: wasmtime::Engine,
    component: Prepared,
    grants: Arc<Grants>,
    /// Requests that an instance may answer, one after the other.
    reuse: u32,
    /// Requests that an instance may answer at once, if its contract is made for that.
    concurrency: u32,
    crews: Crews,
    kept: Kept,
    requests: AtomicU64,
}

impl Handler {
    /// Compiles a component (or takes it from the cache) and checks that it can be run with its grants.
    pub fn load(engine: Arc<Engine>, bytes: &[u8], grants: Grants) -> Result<Self, LoadError> {
        let outside = look_at(bytes)?;
        let wasmtime = match outside.is_concurrent() {
            true => engine.concurrent().map_err(LoadError::NoEngine)?,
            false => engine.synchronous(),
        };
        let wasmtime = wasmtime.clone();
        let component = compile(&wasmtime, bytes, &grants.name)?;
        let contract = check(&outside)?;
        let linker = link(&wasmtime, &outside, &grants).map_err(LoadError::Mismatch)?;
        let component = contract
            .prepare(&component, &linker)
            .map_err(LoadError::Mismatch)?;
        Ok(Self {
            engine,
            wasmtime,
            component,
            grants: Arc::new(grants),
            reuse: 1,
            concurrency: 1,
            crews: Crews::default(),
            kept: Kept::default(),
            requests: AtomicU64::new(0),
        })
    }

    /// Lets an instance answer up to `requests` requests, one after the other, as long as it answers them all.
    ///
    /// What one request leaves in the guest's memory is then there for the next.
    pub fn reuse(mut self, requests: u32) -> Self {
        self.reuse = requests;
        self
    }

    /// Lets an instance of wasi:http 0.3 answer up to `requests` requests at once, of those that it may answer at all
    /// by [`reuse`](Self::reuse). They share its memory and its end: what one of them fails by, all do.
    pub fn concurrency(mut self, requests: u32) -> Self {
        self.concurrency = requests;
        self
    }

    /// Runs one request in an instance of its own, or in one that it shares ([`concurrency`](Self::concurrency)).
    /// `client` is the client's address as the guest sees it.
    pub fn call(self: &Arc<Self>, request: Request, client: Arc<str>) -> Call {
        if self.concurrency > 1 && self.contract() == Contract::Service {
            return self.call_shared(request);
        }
        let handler = self.clone();
        let (early, ahead) = self.contract().streams().then(oneshot::channel).unzip();
        Call::new(self.engine.clone(), ahead, move |slot| async move {
            let mut live = match handler.kept.take() {
                Some(live) => live,
                None => handler.instantiate().await?,
            };
            let response = handler.answer(&mut live, request, &client, early).await?;
            let instance = Instance::new(live, handler, slot);
            Ok(match response {
                Some(response) => Ended::Answered(Answer { response, instance }),
                None => Ended::Over(instance),
            })
        })
    }

    fn call_shared(self: &Arc<Self>, request: Request) -> Call {
        let (job, answered) = Job::new(request);
        let (crew, found) = self
            .crews
            .place(job, self.concurrency, self.reuse, &self.kept);
        if let Some(live) = found {
            let run = self.clone().run_crew(crew.clone(), live);
            let share = crew.share.clone();
            tokio::spawn(Run::shared(self.engine.clone(), Box::pin(run), share));
        }
        let (response, ahead) = oneshot::channel();
        let timeout = self.engine.limits().timeout;
        let relay = async move {
            let response = answered.relay(crew, Early { response, timeout }).await?;
            let instance = Instance::shared();
            Ok(match response {
                Some(response) => Ended::Answered(Answer { response, instance }),
                None => Ended::Over(instance),
            })
        };
        Call::shared(self.engine.clone(), ahead, Box::pin(relay))
    }

    /// Answers the requests of a crew in one instance, to the end of them all.
    async fn run_crew(self: Arc<Self>, crew: Arc<Crew>, live: Option<Live>) -> Result<(), Failure> {
        // However it ends, nobody is left waiting for it.
        let crew = Ending(crew);
        let outcome = async {
            let slot = self.engine.admit().await?;
            let mut live = match live {
                Some(live) => live,
                None => self.instantiate().await?,
            };
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            live.store.data_mut().begin(number);
            live.store.set_epoch_deadline(DEADLINE);
            let timeout = self.engine.limits().timeout;
            let all = live.exports.answer_all(&mut live.store, &crew.0, timeout);
            if all.await? {
                live.served = crew.0.taken();
                self.give_back(live);
            }
            drop(slot);
            Ok(())
        };
        match outcome.await {
            Err(Failure::Trap(error)) => crew.0.fail(self.trapped(error)),
            Err(failure) => crew.0.fail(failure),
            Ok(()) => {}
        }
        Ok(())
    }

    /// The contract that the component follows.
    pub fn contract(&self) -> Contract {
        self.component.contract()
    }

    pub(super) fn give_back(&self, live: Live) {
        if live.served < self.reuse {
            self.kept.put(live);
        }
    }

    async fn instantiate(&self) -> Result<Live, Failure> {
        let limits = self.engine.limits();
        let state = State::new(self.grants.clone(), limits);
        let mut store = Store::new(&self.wasmtime, state);
        store.limiter(|state| &mut state.memory);
        // What the host copies out of a guest in one call, however often the guest lists the same bytes.
        store.set_hostcall_fuel(limits.memory);
        store.set_epoch_deadline(DEADLINE);
        store.epoch_deadline_callback(|_| lanes::on_tick());
        let exports = self.component.instantiate(&mut store).await;
        Ok(Live {
            exports: exports.map_err(|error| self.trapped(error))?,
            store,
            served: 0,
        })
    }

    async fn answer(
        &self,
        live: &mut Live,
        request: Request,
        client: &str,
        early: Option<oneshot::Sender<Response>>,
    ) -> Result<Option<Response>, Failure> {
        let Live {
            store,
            exports,
            served,
        } = live;
        *served += 1;
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        store.data_mut().begin(number);
        store.set_epoch_deadline(DEADLINE);
        let early = early.map(|response| Early {
            response,
            timeout: self.engine.limits().timeout,
        });
        match exports.answer(store, request, client, early).await {
            Err(Failure::Trap(error)) => Err(self.trapped(error)),
            outcome => outcome,
        }
    }

    fn trapped(&self, error: wasmtime::Error) -> Failure {
        match error.is::<CpuExceeded>() {
            true => Failure::Cpu(self.engine.limits().cpu),
            false => Failure::Trap(error),
        }
    }
}

/// A crew that is told of its end.
struct Ending(Arc<Crew>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.fail_unless_ended(Failure::NoResponse);
    }
}

/// After this time a compilation is told of.
const LONG: Duration = Duration::from_secs(1);

/// In ticks. The one that is under way is a part of one: the second is the first whole one.
const DEADLINE: u64 = 2;

/// The component's imports and exports, if the bytes are a component's.
pub(super) fn look_at(bytes: &[u8]) -> Result<Outside, LoadError> {
    // Component Model, binary format: the preamble's magic, version and layer.
    match bytes.first_chunk() {
        Some([b'\0', b'a', b's', b'm', _, _, 0, 0]) => Err(LoadError::CoreModule),
        Some([b'\0', b'a', b's', b'm', ..]) => Outside::of(bytes)
            .map_err(|error| LoadError::NotAComponent(wasmtime::Error::new(error))),
        // Never the text format: whoever names a file means a built component.
        _ => Err(LoadError::NotAComponent(wasmtime::format_err!(
            "its first bytes are not those of WebAssembly"
        ))),
    }
}

/// Compiles, and says so where it takes so long that somebody may wonder.
fn compile(engine: &wasmtime::Engine, bytes: &[u8], name: &str) -> Result<Component, LoadError> {
    let (done, waiting) = mpsc::channel::<()>();
    let handler = name.to_owned();
    let told = thread::Builder::new().spawn(move || {
        if let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(LONG) {
            tracing::info!(handler, "compiling; the next start finds it compiled");
        }
    });
    let component = Component::from_binary(engine, bytes).map_err(LoadError::NotAComponent);
    drop(done);
    if let Ok(told) = told {
        let _ = told.join();
    }
    component
}

/// Names all that is missing at once; the linker would stop at the first.
fn check(outside: &Outside) -> Result<Contract, LoadError> {
    let contract =
        Contract::of(outside).ok_or_else(|| LoadError::NoHandler(outside.exports.clone()))?;
    let missing: Vec<String> = outside
        .imports
        .iter()
        .filter(|name| !provides(Some(contract), name))
        .cloned()
        .collect();
    if missing.is_empty() {
        Ok(contract)
    } else {
        Err(LoadError::NotGranted(missing))
    }
}

/// Whether a component of this contract finds what it imports by this name.
pub(super) fn provides(contract: Option<Contract>, import: &str) -> bool {
    contract.is_some_and(|contract| contract.provides(import)) || state::provides(import)
}

fn link(
    engine: &wasmtime::Engine,
    outside: &Outside,
    grants: &Grants,
) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    state::link(&mut linker, grants)?;
    if outside.is_concurrent() {
        state::link_concurrent(&mut linker)?;
    }
    Ok(linker)
}
