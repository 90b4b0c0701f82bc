//! The instances of a handler: what each is made from, and how one answers a request.
//!
//! A call comes here three times: to be executed, to take or make its instance, and to run the request in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use wasmtime::Store;

use super::engine::Engine;
use crate::account::ledger::Account;
use crate::account::limits::Limits;
use crate::account::resource::{Resource, Scope};
use crate::failure::{CpuExceeded, Failure};
use crate::runtime::idle_pool::IdlePool;
use crate::runtime::instance::Instance;
use crate::runtime::scheduler::execution::Execution;
use crate::runtime::scheduler::meter::{Guest, SharedCpu, on_tick};
use crate::runtime::scheduler::slow_lane::SlowLane;
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
    pub grants: Arc<Grants>,
    pub limits: Limits,
    /// The account of the handler, shared by all its versions.
    pub account: Arc<Account>,
    pub idle: Arc<IdlePool<Exports>>,
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
        let instance = self.instantiate(&self.account, output.clone()).await?;
        Ok(self.begin(instance, output))
    }

    /// Makes an instance whose memory is charged below `account`.
    pub async fn instantiate(
        &self,
        account: &Arc<Account>,
        output: Option<CapturedOutput>,
    ) -> Result<Instance<Exports>, Failure> {
        self.engine.make_room();
        let limits = &self.limits;
        let state = HostState::new(self.grants.clone(), limits, account, output);
        let mut store = Store::new(&self.wasmtime, state);
        store.limiter(|state| &mut state.memory);
        // Bounds what the host copies from the guest in one call, even if the guest lists the same bytes many times.
        store.set_hostcall_fuel(limits.memory);
        store.set_epoch_deadline(DEADLINE);
        store.epoch_deadline_callback(|_| on_tick());
        let exports = self.component.instantiate(&mut store).await;
        let exports = exports.map_err(|error| match store.data().memory.exhausted {
            true => Failure::NoMemory(limits.total_memory),
            false => self.failure_of(error),
        });
        Ok(Instance {
            exports: exports?,
            store,
            served: 0,
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
            timeout: self.limits.timeout,
        });
        let Instance { store, exports, .. } = instance;
        let answered = exports.answer(store, request, client, early).await;
        answered.map_err(|failure| self.classified(failure))
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
        answered.map_err(|failure| self.classified(failure))
    }

    /// Executes a guest with the CPU time of one request.
    pub fn execute<T: Send + 'static>(&self, guest: Guest<Result<T, Failure>>) -> Execution<T> {
        let (lane, account, budget) = self.execution();
        Execution::new(guest, lane, account, budget)
    }

    /// Executes a shared instance.
    pub fn execute_shared(
        &self,
        guest: Guest<Result<(), Failure>>,
        cpu: Arc<SharedCpu>,
    ) -> Execution<()> {
        let (lane, account, budget) = self.execution();
        Execution::shared(guest, lane, account, budget, cpu)
    }

    fn execution(&self) -> (Arc<SlowLane>, Account, Duration) {
        let account = self.account.child(Scope::Request);
        (self.engine.slow_lane().clone(), account, self.limits.cpu)
    }

    fn classified(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Trap(error) => self.failure_of(error),
            failure => failure,
        }
    }

    /// The failure behind an error of wasmtime.
    fn failure_of(&self, error: wasmtime::Error) -> Failure {
        match error.is::<CpuExceeded>() {
            true => Failure::Cpu(self.limits.cpu),
            false => Failure::Trap(error),
        }
    }
}

/// In ticks. The first tick ends the one that is under way, so the second one is the first whole tick.
const DEADLINE: u64 = 2;
