//! A handler: a component with what it was granted, ready to be instantiated for a request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};

use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi_config::WasiConfigVariables;

use crate::account::limits::Limits;
use crate::account::memory::TotalMemory;
use crate::admission::rates::Rates;
use crate::admission::{Entry, Gate, Slot};
use crate::failure::{CpuExceeded, Failure, LoadError};
use crate::handler::call::{Answer, Call, Ended};
use crate::handler::lease::{Instance, Live};
use crate::runtime::copy_on_write_image;
use crate::runtime::engine::Engine;
use crate::runtime::idle_pool::Kept;
use crate::runtime::run::Run;
use crate::runtime::scheduler;
use crate::runtime::shared_instance::{Crew, Crews};
use crate::wasi::filesystem::{FileSystem, Preopen};
use crate::wasi::host_state::{self, State};
use crate::wasi::keyvalue::Buckets;
use crate::wasi::outbound::{Egress, Outbound};
use crate::wasi::stdio::captured_output::Transcript;
use crate::worlds::{Contract, Early, Job, Outside, Prepared};
use belljar_http::{Request, Response};

pub(crate) mod call;
pub(crate) mod compile;
pub(crate) mod inspect;
pub(crate) mod lease;

/// What a handler may see beyond its request.
pub struct Grants {
    pub(crate) name: String,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) filesystem: FileSystem,
    pub(crate) outbound: Egress,
    pub(crate) tcp: Arc<[SocketAddr]>,
    pub(crate) config: WasiConfigVariables,
    pub(crate) has_config: bool,
    pub(crate) store: Option<Buckets>,
    pub(crate) has_store: bool,
    pub(crate) store_denied: Once,
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
    limits: Limits,
    gate: Arc<Gate>,
    rates: Rates,
    memory: Arc<TotalMemory>,
    developing: bool,
    /// Requests that an instance may answer, one after the other.
    reuse: u32,
    /// Requests that an instance may answer at once, if its contract is made for that.
    concurrency: u32,
    crews: Crews,
    kept: Arc<Kept>,
    requests: AtomicU64,
}

impl Handler {
    /// Checks, without compiling it, that a component is a handler and imports nothing that there is not.
    ///
    /// # Errors
    ///
    /// What [`load`](Self::load) would find of this.
    pub fn check(bytes: &[u8]) -> Result<(), LoadError> {
        check(&look_at(bytes)?).map(drop)
    }

    /// Compiles a component (or takes it from the cache) and checks that it can be run with its grants.
    pub fn load(
        engine: Arc<Engine>,
        bytes: &[u8],
        grants: Grants,
        limits: Limits,
    ) -> Result<Self, LoadError> {
        let outside = look_at(bytes)?;
        let wasmtime = match outside.is_concurrent() {
            true => engine.concurrent().map_err(LoadError::NoEngine)?,
            false => engine.synchronous(),
        };
        let wasmtime = wasmtime.clone();
        let component =
            Component::from_binary(&wasmtime, bytes).map_err(LoadError::NotAComponent)?;
        let contract = check(&outside)?;
        let linker = link(&wasmtime, &outside, &grants).map_err(LoadError::Mismatch)?;
        let prepared = contract
            .prepare(&component, &linker)
            .map_err(LoadError::Mismatch)?;
        copy_on_write_image::lay_out(&component).map_err(LoadError::NoImage)?;
        Ok(Self {
            gate: engine.gate(&limits),
            kept: engine.kept().of_handler(),
            rates: Rates::new(&limits),
            memory: Arc::default(),
            engine,
            wasmtime,
            component: prepared,
            grants: Arc::new(grants),
            limits,
            developing: false,
            reuse: 1,
            concurrency: 1,
            crews: Crews::default(),
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

    /// Makes this a newer version of `old`, which goes on with its requests and shares with this one what belongs to the
    /// handler as a whole: the places that it has and the requests that wait, the memory in use, the rates so far (but
    /// for a rate that is another now). For what is asked from now on this one's limits hold.
    pub fn successor_of(mut self, old: &Self) -> Self {
        self.gate = old.gate.clone();
        self.memory = old.memory.clone();
        self.rates.succeed(&old.rates);
        self
    }

    /// Keeps what a guest writes on its standard output and error for whoever is told of its failure
    /// ([`Failed::output`](super::Failed)).
    pub fn developing(mut self, developing: bool) -> Self {
        self.developing = developing;
        self
    }

    pub fn is_developing(&self) -> bool {
        self.developing
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Makes an instance as for a request, and throws it away.
    ///
    /// It has a place and an account of memory of its own, so that it does not have to wait for the requests of an older
    /// version.
    ///
    /// # Errors
    ///
    /// Where the component traps, takes too long or wants too much memory before it could be asked anything.
    pub async fn probe(self: &Arc<Self>) -> Result<(), Failure> {
        let slot = match self.engine.enter_probe()? {
            Entry::Free(slot) => slot,
            Entry::Wait(turn) => turn.await,
        };
        let handler = self.clone();
        let guest = Box::pin(async move {
            // Dropped last: the place is free when the memory behind it is.
            let _slot = slot;
            handler.instantiate(Arc::default(), None).await.map(drop)
        });
        let run = Run::new(self.clone(), guest);
        let timeout = self.limits.timeout;
        let made = tokio::time::timeout(timeout, run).await;
        made.unwrap_or(Err(Failure::Timeout(timeout)))
    }

    /// Runs one request in an instance of its own, or in one that it shares ([`concurrency`](Self::concurrency)).
    /// `client` is the client's address as the guest sees it.
    pub fn call(self: &Arc<Self>, request: Request, client: Arc<str>) -> Call {
        if let Err(failure) = self.rates.check(&client) {
            return Call::refused(self.clone(), failure);
        }
        if self.concurrency > 1 && self.contract() == Contract::Service {
            return self.call_shared(request);
        }
        let handler = self.clone();
        let transcript = self.transcript();
        let written = transcript.clone();
        let (early, ahead) = self.contract().streams().then(oneshot::channel).unzip();
        Call::new(self.clone(), ahead, transcript, move |slot| async move {
            let mut live = match handler.kept.take() {
                Some(live) => live,
                None => {
                    let memory = handler.memory.clone();
                    handler.instantiate(memory, written.clone()).await?
                }
            };
            live.store.data_mut().begin(handler.number(), written);
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
        let (crew, found) = self.crews.place(
            job,
            self.concurrency,
            self.reuse,
            &self.kept,
            self.transcript(),
        );
        if let Some(live) = found {
            let run = self.clone().run_crew(crew.clone(), live);
            let share = crew.share.clone();
            tokio::spawn(Run::shared(self.clone(), Box::pin(run), share));
        }
        let (response, ahead) = oneshot::channel();
        let timeout = self.limits.timeout;
        let transcript = crew.transcript.clone();
        let relay = async move {
            let response = answered.relay(crew, Early { response, timeout }).await?;
            let instance = Instance::shared();
            Ok(match response {
                Some(response) => Ended::Answered(Answer { response, instance }),
                None => Ended::Over(instance),
            })
        };
        Call::shared(self.clone(), ahead, transcript, Box::pin(relay))
    }

    /// Answers the requests of a crew in one instance, to the end of them all.
    async fn run_crew(self: Arc<Self>, crew: Arc<Crew>, live: Option<Live>) -> Result<(), Failure> {
        // However it ends, nobody is left waiting for it.
        let crew = Ending(crew);
        let outcome = async {
            let slot = self.wait(self.enter()?).await?;
            let written = crew.0.transcript.clone();
            let mut live = match live {
                Some(live) => live,
                None => {
                    let memory = self.memory.clone();
                    self.instantiate(memory, written.clone()).await?
                }
            };
            live.store.data_mut().begin(self.number(), written);
            live.store.set_epoch_deadline(DEADLINE);
            let timeout = self.limits.timeout;
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

    pub(crate) fn give_back(&self, live: Live) {
        if live.served < self.reuse {
            self.kept.put(live);
        }
    }

    /// A place for a request, or its turn.
    pub(crate) fn enter(&self) -> Result<Entry, Failure> {
        self.engine.enter(&self.gate, &self.limits)
    }

    /// The place that an entry leads to.
    pub(crate) async fn wait(&self, entry: Entry) -> Result<Slot, Failure> {
        match entry {
            Entry::Free(slot) => Ok(slot),
            Entry::Wait(turn) => {
                let came = tokio::time::timeout(self.limits.queue_timeout, turn).await;
                came.map_err(|_| Failure::NoInstance(self.limits.queue_timeout))
            }
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    fn transcript(&self) -> Option<Transcript> {
        self.developing.then(Transcript::default)
    }

    /// The next request's number.
    fn number(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    async fn instantiate(
        &self,
        total: Arc<TotalMemory>,
        transcript: Option<Transcript>,
    ) -> Result<Live, Failure> {
        self.engine.make_room();
        let limits = &self.limits;
        let state = State::new(self.grants.clone(), limits, total, transcript);
        let mut store = Store::new(&self.wasmtime, state);
        store.limiter(|state| &mut state.memory);
        // What the host copies out of a guest in one call, however often the guest lists the same bytes.
        store.set_hostcall_fuel(limits.memory);
        store.set_epoch_deadline(DEADLINE);
        store.epoch_deadline_callback(|_| scheduler::on_tick());
        let exports = self.component.instantiate(&mut store).await;
        let exports = exports.map_err(|error| match store.data().memory.exhausted {
            true => Failure::NoMemory(limits.total_memory),
            false => self.trapped(error),
        });
        Ok(Live {
            exports: exports?,
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
        store.set_epoch_deadline(DEADLINE);
        let early = early.map(|response| Early {
            response,
            timeout: self.limits.timeout,
        });
        match exports.answer(store, request, client, early).await {
            Err(Failure::Trap(error)) => Err(self.trapped(error)),
            outcome => outcome,
        }
    }

    fn trapped(&self, error: wasmtime::Error) -> Failure {
        match error.is::<CpuExceeded>() {
            true => Failure::Cpu(self.limits.cpu),
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

/// In ticks. The one that is under way is a part of one: the second is the first whole one.
const DEADLINE: u64 = 2;

/// The component's imports and exports, if the bytes are a component's.
pub(crate) fn look_at(bytes: &[u8]) -> Result<Outside, LoadError> {
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
pub(crate) fn provides(contract: Option<Contract>, import: &str) -> bool {
    contract.is_some_and(|contract| contract.provides(import)) || host_state::provides(import)
}

fn link(
    engine: &wasmtime::Engine,
    outside: &Outside,
    grants: &Grants,
) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    host_state::link(&mut linker, grants)?;
    if outside.is_concurrent() {
        host_state::link_concurrent(&mut linker)?;
    }
    Ok(linker)
}
