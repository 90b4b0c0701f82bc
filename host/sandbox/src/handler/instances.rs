//! The instances of a handler: what each is made from, and how one answers a request.
//!
//! A call comes here three times: to be executed, to take or make its instance, and to run the request in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::ResourceTableError;

use super::engine::Engine;
use crate::account::held_bytes::UNCHARGED;
use crate::account::ledger::{Account, Exceeded};
use crate::account::limits::Limits;
use crate::account::resource::{Resource, Scope};
use crate::admission::{Admission, Limiter};
use crate::client_network::ClientNetwork;
use crate::failure::{CpuExceeded, Failure, MemoryLimit};
use crate::runtime::components::CompiledComponent;
use crate::runtime::idle_pool::IdlePool;
use crate::runtime::instance::Instance;
use crate::runtime::scheduler::cpu_share::CpuShare;
use crate::runtime::scheduler::execution::Execution;
use crate::runtime::scheduler::fast_lane::FastTurn;
use crate::runtime::scheduler::meter::{Guest, SharedCpu, on_tick};
use crate::runtime::shared_instance::SharedInstance;
use crate::wasi::grants::Grants;
use crate::wasi::host_state::HostState;
use crate::wasi::stdio::captured_output::CapturedOutput;
use crate::worlds::{Early, Exports, Job, LinkedComponent};
use belljar_http::{Request, Response};

/// What the instances of a handler are made from, and what they share.
pub(crate) struct Instances {
    pub engine: Arc<Engine>,
    pub wasmtime: wasmtime::Engine,
    pub component: LinkedComponent,
    pub compiled: Arc<CompiledComponent>,
    pub grants: Arc<Grants>,
    pub limits: Limits,
    /// The account of the handler, shared by all its versions.
    pub account: Arc<Account>,
    /// The access of the handler to the permits, shared by all its versions.
    pub limiter: Arc<Limiter>,
    /// The share of the handler in the processors, shared by all its versions.
    pub cpu: Arc<CpuShare>,
    pub idle: Arc<IdlePool<Exports>>,
    /// The number of requests that an instance answers at once. Each may have `max-handles` tasks and streams.
    pub concurrency: usize,
    /// The number of requests so far.
    pub requests: AtomicU64,
}

impl Instances {
    /// Takes an idle instance, or makes one, and prepares it for a request.
    pub async fn take(&self, output: Option<CapturedOutput>) -> Result<Instance<Exports>, Failure> {
        match self.idle.take() {
            Some(instance) => Ok(self.begin(instance, output)),
            None => self.make(output).await,
        }
    }

    /// Makes an instance, and prepares it for a request.
    pub async fn make(&self, output: Option<CapturedOutput>) -> Result<Instance<Exports>, Failure> {
        let limit = u64::try_from(self.limits.total_memory).unwrap_or(u64::MAX);
        self.account.limit(Resource::Memory, limit);
        let open_files = self.engine.open_files(&self.limits);
        self.account.limit(Resource::OpenFiles, open_files);
        let mut until = None;
        loop {
            match self.instantiate(&self.account, output.clone()).await {
                Ok(instance) => return Ok(self.begin(instance, output)),
                Err(Failure::NoMemory(MemoryLimit::Server(_))) if self.engine.free_memory() => {}
                // Other instances end soon. So the request waits for a moment, as it waits for a permit.
                Err(Failure::NoMemory(_)) if self.may_wait(&mut until) => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Whether a request may still wait for memory. `until` is set when it begins to wait.
    fn may_wait(&self, until: &mut Option<Instant>) -> bool {
        let longest = self.limits.queue_timeout.min(LONGEST_WAIT);
        let until = until.get_or_insert_with(|| Instant::now() + longest);
        self.limits.max_queue > 0 && Instant::now() + PAUSE < *until
    }

    /// Makes an instance whose memory is charged below `account`.
    pub async fn instantiate(
        &self,
        account: &Arc<Account>,
        output: Option<CapturedOutput>,
    ) -> Result<Instance<Exports>, Failure> {
        self.engine.make_room();
        let limits = &self.limits;
        // Most components need little, which costs less than charging it.
        let size = self.compiled.instance_size;
        let context = (size > UNCHARGED as u64).then(|| account.hold(Resource::Memory, size));
        let context = context.transpose().map_err(Failure::no_memory)?;
        let state = HostState::new(self.grants.clone(), limits, account, output);
        let mut store = Store::new(&self.wasmtime, state);
        store.limiter(|state| &mut state.memory);
        // Bounds what the host copies from the guest in one call, even if the guest lists the same bytes many times.
        store.set_hostcall_fuel(self.engine.most_copied(limits.memory));
        // wasmtime has tables of its own for what the host keeps of a guest's tasks, streams and futures.
        let handles = limits.max_handles.saturating_mul(self.concurrency);
        store.set_max_component_handles(handles.saturating_mul(LENT));
        if let Some(table) = store.concurrent_resource_table() {
            table.set_max_capacity(handles.saturating_mul(ENTRIES));
        }
        store.set_epoch_deadline(DEADLINE);
        store.epoch_deadline_callback(|_| on_tick());
        let exports = self.component.instantiate(&mut store).await;
        let exports = exports.map_err(|error| match store.data().memory.exhausted {
            Some(exceeded) => Failure::no_memory(exceeded),
            None => self.failure_of(error),
        });
        Ok(Instance {
            exports: exports?,
            store,
            served: 0,
            _context: context,
        })
    }

    /// Prepares an instance for the next request.
    pub fn begin(
        &self,
        mut instance: Instance<Exports>,
        output: Option<CapturedOutput>,
    ) -> Instance<Exports> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        instance.store.data_mut().begin(number, output);
        instance.store.set_epoch_deadline(DEADLINE);
        instance
    }

    /// Runs one request in an instance. None if the response went ahead through `early`.
    pub async fn answer(
        &self,
        instance: &mut Instance<Exports>,
        request: Request,
        client: &str,
        early: Option<oneshot::Sender<Response>>,
    ) -> Result<Option<Response>, Failure> {
        instance.served += 1;
        let early = early.map(|response| Early {
            response,
            account: self.account.clone(),
            timeout: self.limits.timeout,
        });
        let Instance { store, exports, .. } = instance;
        let answered = exports.answer(store, request, client, early).await;
        let refused = store.data().refused_handles();
        answered.map_err(|failure| self.classified(failure, refused))
    }

    /// Runs the requests of a shared instance to the end of them all. Returns whether the instance can be used again.
    pub async fn answer_all(
        &self,
        instance: &mut Instance<Exports>,
        shared: &SharedInstance<Job>,
    ) -> Result<bool, Failure> {
        let Instance { store, exports, .. } = instance;
        let timeout = self.limits.timeout;
        let answered = exports.answer_all(store, shared, timeout).await;
        let refused = store.data().refused_handles();
        answered.map_err(|failure| self.classified(failure, refused))
    }

    /// Requests a permit for a request of `client`.
    pub fn admit(&self, client: ClientNetwork) -> Result<Admission, Failure> {
        self.engine.admit(&self.limiter, client, &self.limits)
    }

    /// The turns of a request in the fast lane.
    pub fn turn(&self, client: ClientNetwork) -> FastTurn {
        FastTurn::new(self.cpu.clone(), client)
    }

    /// Executes a guest with the CPU time of one request.
    pub fn execute<T: Send + 'static>(
        &self,
        guest: Guest<Result<T, Failure>>,
        turn: FastTurn,
    ) -> Execution<T> {
        let (account, budget) = self.execution();
        Execution::new(guest, turn, account, budget)
    }

    /// Executes a shared instance.
    pub fn execute_shared(
        &self,
        guest: Guest<Result<(), Failure>>,
        cpu: Arc<SharedCpu>,
    ) -> Execution<()> {
        let (account, budget) = self.execution();
        let turn = self.turn(ClientNetwork::NONE);
        Execution::shared(guest, turn, account, budget, cpu)
    }

    fn execution(&self) -> (Account, Duration) {
        (self.account.child(Scope::Request), self.limits.cpu)
    }

    /// The failure of a guest. `refused` is the limit that refused it memory for handles.
    fn classified(&self, failure: Failure, refused: Option<Exceeded>) -> Failure {
        match (failure, refused) {
            (Failure::Trap(_), Some(exceeded)) => Failure::no_memory(exceeded),
            (Failure::Trap(error), None) => self.failure_of(error),
            (failure, _) => failure,
        }
    }

    /// The failure behind an error of wasmtime.
    fn failure_of(&self, error: wasmtime::Error) -> Failure {
        if error.is::<CpuExceeded>() {
            Failure::Cpu(self.limits.cpu)
        } else if has_too_many_handles(&error) {
            Failure::TooManyHandles(self.limits.max_handles, error)
        } else {
            Failure::Trap(error)
        }
    }
}

/// Whether a guest ended because one of wasmtime's tables of handles was full.
fn has_too_many_handles(error: &wasmtime::Error) -> bool {
    let cause = error.root_cause();
    match cause.downcast_ref::<ResourceTableError>() {
        Some(full) => matches!(full, ResourceTableError::Full),
        // wasmtime has no type for it.
        None => cause.to_string().contains("store handle limit exceeded"),
    }
}

/// A handle counts again while it is lent to a call, and a call may list the same handle many times.
const LENT: usize = 8;

/// Entries in wasmtime's table for a stream or a future: its two ends and what they share. A task has one or two.
const ENTRIES: usize = 3;

/// In ticks. The first tick ends the one that is under way, so the second one is the first whole tick.
const DEADLINE: u64 = 2;

/// How long a request waits before it tries again to get memory for its instance.
const PAUSE: Duration = Duration::from_millis(20);

/// The longest time that a request waits for memory. It holds a permit meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
