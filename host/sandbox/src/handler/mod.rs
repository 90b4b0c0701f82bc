//! Handlers: a component with its grants and limits, ready to answer requests.
//!
//! - [`compile`] compiles a component to an [`artefact`], in another process; [`load`] checks and links it; [`inspect`]
//!   reports whether one would run.
//! - [`chain`] is a component with the middleware in front of it.
//! - [`call`] answers a request in an instance of its own, [`shared_call`] in an instance shared with others.
//! - [`instances`] makes instances and runs requests in them; [`lease`] holds one until the response has been sent.
//! - [`engine`] has what all handlers share.

pub(crate) mod artefact;
pub(crate) mod call;
pub(crate) mod chain;
pub(crate) mod compile;
pub(crate) mod engine;
mod fetch_events;
pub(crate) mod inspect;
mod instances;
pub(crate) mod lease;
mod load;
pub(crate) mod load_error;
pub(crate) mod missing_imports;
mod names;
mod refused_imports;
mod shared_call;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::account::limits::Limits;
use crate::account::resource::{Resource, Scope};
use crate::admission::Admission;
use crate::admission::rates::Rates;
use crate::client_network::ClientNetwork;
use crate::failure::Failure;
use crate::runtime::shared_instance::{SharedInstances, Sharing};
use crate::wasi::grants::Grants;
use crate::wasi::stdio::captured_output::CapturedOutput;
use crate::worlds::{Job, World};
use artefact::Artefact;
use belljar_http::Request;
use call::Call;
use chain::Chain;
use engine::Engine;
use instances::Instances;
use load::Loaded;
use load_error::LoadError;

/// A loaded component with its grants and limits.
pub struct Handler {
    instances: Arc<Instances>,
    rates: Rates,
    shared: SharedInstances<Job>,
    sharing: Sharing,
    developing: bool,
    answers_once: bool,
}

/// A loaded component, to be [built](Self::build) into a handler.
pub struct HandlerBuilder<'a> {
    engine: Arc<Engine>,
    loaded: Loaded,
    grants: Grants,
    limits: Limits,
    sharing: Sharing,
    developing: bool,
    predecessor: Option<&'a Handler>,
}

impl Handler {
    /// Checks, without compiling a component, that it is a handler.
    ///
    /// # Errors
    ///
    /// Those errors of [`load`](Self::load) that show without compiling.
    pub fn check(chain: &Chain<'_>) -> Result<(), LoadError> {
        load::check(&chain.names()?.names).map(drop)
    }

    /// Compiles a component in this process, without limits, and links it with its grants. This is for trusted components:
    /// a hostile one can make the compiler take all memory and processors of a machine.
    ///
    /// # Errors
    ///
    /// If the bytes are not a component, the component is not a handler, or belljar does not provide one of its imports.
    pub fn load<'a>(
        engine: Arc<Engine>,
        bytes: &[u8],
        grants: Grants,
        limits: Limits,
    ) -> Result<HandlerBuilder<'a>, LoadError> {
        let loaded = load::compile(&engine, bytes, &grants)?;
        Ok(Self::builder(engine, loaded, grants, limits))
    }

    /// Loads the artefact of a component, which another process compiled, and links it with its grants. `chain` has the
    /// bytes that were composed and compiled. `artefact` returns their artefact, or why there is none. It is not called if another handler
    /// has loaded the same bytes.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load), and if the artefact was compiled for another engine.
    pub fn load_artefact<'a>(
        engine: Arc<Engine>,
        chain: &Chain<'_>,
        artefact: impl FnOnce() -> Result<Artefact, String>,
        grants: Grants,
        limits: Limits,
    ) -> Result<HandlerBuilder<'a>, LoadError> {
        let loaded = load::load(&engine, chain, artefact, &grants)?;
        Ok(Self::builder(engine, loaded, grants, limits))
    }

    fn builder<'a>(
        engine: Arc<Engine>,
        loaded: Loaded,
        grants: Grants,
        limits: Limits,
    ) -> HandlerBuilder<'a> {
        HandlerBuilder {
            loaded,
            engine,
            grants,
            limits,
            sharing: Sharing::NONE,
            developing: false,
            predecessor: None,
        }
    }

    /// Whether the handler captures the output of its guests ([`HandlerBuilder::developing`]).
    pub fn is_developing(&self) -> bool {
        self.developing
    }

    /// The limits of the handler and of each of its requests.
    pub fn limits(&self) -> &Limits {
        &self.instances.limits
    }

    /// Whether an instance answers only one request, whatever [`HandlerBuilder::reuse`] says: the component handles `fetch`
    /// events with an engine that has only one.
    pub fn answers_once(&self) -> bool {
        self.answers_once
    }

    /// The world that the component follows.
    pub fn world(&self) -> World {
        self.instances.component.world()
    }

    /// Makes an instance as for a request, and takes it down again.
    ///
    /// A probe has a permit and an account of its own, so that it does not wait for the requests of an older version.
    ///
    /// # Errors
    ///
    /// If the component traps, takes too long or needs too much memory before it could answer a request.
    pub async fn probe(&self) -> Result<(), Failure> {
        let instances = self.instances.clone();
        let timeout = self.limits().timeout;
        let permit = match instances.engine.admit_probe()? {
            Admission::Granted(permit) => permit,
            Admission::Queued(queued) => queued.await,
        };
        let probed = instances.clone();
        let guest = Box::pin(async move {
            // Dropped last, so that the memory of the instance is free when its permit is.
            let _permit = permit;
            let account = Arc::new(probed.engine.probing().child(Scope::Handler));
            account.limit(Resource::Memory, probed.limits.total_memory as u64);
            probed.instantiate(&account, None).await.map(drop)
        });
        let turn = instances.turn(ClientNetwork::NONE);
        let made = tokio::time::timeout(timeout, instances.execute(guest, turn)).await;
        made.unwrap_or(Err(Failure::Timeout(timeout)))
    }

    /// Calls the handler: the result is a future that resolves to the response. `client` is the client's address as the
    /// guest sees it.
    pub fn call(&self, request: Request, client: Arc<str>) -> Call {
        let instances = self.instances.clone();
        if let Err(failure) = self.rates.check(&client) {
            return Call::refused(instances, failure);
        }
        let output = self.developing.then(CapturedOutput::default);
        if self.sharing.concurrency > 1 && self.world().is_shareable() {
            let (shared, sharing) = (&self.shared, self.sharing);
            return shared_call::start(instances, shared, sharing, request, client, output);
        }
        Call::start(instances, request, client, output)
    }
}

impl<'a> HandlerBuilder<'a> {
    /// Lets an instance answer up to `requests` requests, one after the other, as long as it answers them all.
    ///
    /// What one request leaves in the guest's memory is then there for the next.
    pub fn reuse(mut self, requests: u32) -> Self {
        self.sharing.reuse = requests;
        self
    }

    /// Lets an instance of wasi:http 0.3 answer up to `requests` requests at once, out of those that
    /// [`reuse`](Self::reuse) allows in all. They share the memory of the instance, and if one of them makes the instance
    /// fail, all of them fail.
    pub fn concurrency(mut self, requests: u32) -> Self {
        self.sharing.concurrency = requests;
        self
    }

    /// Makes the handler a newer version of `old`. The versions share what belongs to the handler as a whole: permits and
    /// queue, the account, the share in the processors, and each rate that is the same in both. New requests get the limits of this version.
    pub fn successor_of(mut self, old: &'a Handler) -> Self {
        self.predecessor = Some(old);
        self
    }

    /// Captures the standard output and error of guests, for the [report of a failure](crate::Failed::output).
    pub fn developing(mut self, developing: bool) -> Self {
        self.developing = developing;
        self
    }

    /// Builds the handler. It is ready for requests.
    pub fn build(self) -> Handler {
        let Self {
            engine,
            loaded,
            grants,
            limits,
            ..
        } = self;
        let sharing = match loaded.answers_once {
            true => Sharing::NONE,
            false => self.sharing,
        };
        let mut rates = Rates::new(&limits);
        let (limiter, account, cpu) = match self.predecessor {
            Some(old) => {
                rates.succeed(&old.rates);
                let old = &*old.instances;
                (old.limiter.clone(), old.account.clone(), old.cpu.clone())
            }
            None => {
                let account = engine.account(&limits);
                let cpu = engine.cpu_share(&account);
                (engine.limiter(&limits), account, cpu)
            }
        };
        Handler {
            rates,
            shared: SharedInstances::default(),
            sharing,
            developing: self.developing,
            answers_once: loaded.answers_once,
            instances: Arc::new(Instances {
                idle: engine.idle_pool(sharing.reuse),
                engine,
                wasmtime: loaded.wasmtime,
                component: loaded.component,
                compiled: loaded.compiled,
                grants: Arc::new(grants),
                limits,
                account,
                limiter,
                cpu,
                concurrency: sharing.concurrency as usize,
                requests: AtomicU64::new(0),
            }),
        }
    }
}
