//! A handler: a component with what it was granted, ready to be instantiated for a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use super::call::{Answer, Call};
use super::contract::{self, Prepared};
use super::engine::Engine;
use super::failure::{CpuExceeded, Failure, LoadError};
use super::filesystem::{FileSystem, Preopen};
use super::instance::{Instance, Kept, Live};
use super::lanes;
use super::state::{self, State};
use crate::http::{Request, Response};

/// What a handler may see beyond its request.
pub struct Grants {
    pub(super) name: String,
    pub(super) environment: Vec<(String, String)>,
    pub(super) filesystem: FileSystem,
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
        })
    }
}

/// A loaded component and its grants.
pub struct Handler {
    engine: Arc<Engine>,
    component: Prepared<State>,
    grants: Arc<Grants>,
    /// Requests that an instance may answer, one after the other.
    reuse: u32,
    kept: Kept,
    requests: AtomicU64,
}

impl Handler {
    /// Compiles a component (or takes it from the cache) and checks that it can be run with its grants.
    pub fn load(engine: Arc<Engine>, bytes: &[u8], grants: Grants) -> Result<Self, LoadError> {
        let component = compile(&engine, bytes)?;
        let mut linker = Linker::new(engine.wasmtime());
        state::link(&mut linker, &grants).map_err(LoadError::Mismatch)?;
        check(&engine, &component)?;
        let component = contract::prepare(&component, &linker).map_err(LoadError::Mismatch)?;
        Ok(Self {
            engine,
            component,
            grants: Arc::new(grants),
            reuse: 1,
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

    /// Runs one request in an instance of its own. `client` is the client's address as the guest sees it.
    pub fn call(self: &Arc<Self>, request: Request, client: Arc<str>) -> Call {
        let handler = self.clone();
        Call::new(self.engine.clone(), move |slot| async move {
            let mut live = match handler.kept.take() {
                Some(live) => live,
                None => handler.instantiate().await?,
            };
            let response = handler.answer(&mut live, request, &client).await?;
            let instance = Instance::new(live, handler, slot);
            Ok(Answer { response, instance })
        })
    }

    pub(super) fn give_back(&self, live: Live) {
        if live.served < self.reuse {
            self.kept.put(live);
        }
    }

    async fn instantiate(&self) -> Result<Live, Failure> {
        let limits = self.engine.limits();
        let state = State::new(self.grants.clone(), limits);
        let mut store = Store::new(self.engine.wasmtime(), state);
        store.limiter(|state| &mut state.memory);
        // What the host copies out of a guest in one call, however often the guest lists the same bytes.
        store.set_hostcall_fuel(limits.memory);
        store.set_epoch_deadline(DEADLINE);
        store.epoch_deadline_callback(|_| lanes::on_tick());
        let exports = self.component.instantiate_async(&mut store).await;
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
    ) -> Result<Response, Failure> {
        let Live {
            store,
            exports,
            served,
        } = live;
        *served += 1;
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        store.data_mut().begin(number);
        store.set_epoch_deadline(DEADLINE);
        match contract::answer(store, exports, request, client).await {
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

/// In ticks. The one that is under way is a part of one: the second is the first whole one.
const DEADLINE: u64 = 2;

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, LoadError> {
    // Component Model, binary format: the preamble's magic, version and layer.
    match bytes.first_chunk() {
        Some([b'\0', b'a', b's', b'm', _, _, 0, 0]) => Err(LoadError::CoreModule),
        Some([b'\0', b'a', b's', b'm', ..]) => {
            Component::from_binary(engine.wasmtime(), bytes).map_err(LoadError::NotAComponent)
        }
        // Never the text format: whoever names a file means a built component.
        _ => Err(LoadError::NotAComponent(wasmtime::format_err!(
            "its first bytes are not those of WebAssembly"
        ))),
    }
}

/// Names all that is missing at once; the linker would stop at the first.
fn check(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let (engine, types) = (engine.wasmtime(), component.component_type());
    if types.get_export(engine, contract::EXPORT).is_none() {
        return Err(LoadError::NoHandler(
            types
                .exports(engine)
                .map(|(name, _)| name.to_owned())
                .collect(),
        ));
    }
    let missing: Vec<String> = types
        .imports(engine)
        .map(|(name, _)| name)
        .filter(|name| !contract::provides(name) && !state::provides(name))
        .map(str::to_owned)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(LoadError::NotGranted(missing))
    }
}
