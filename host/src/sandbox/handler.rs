//! A handler: a component with what it was granted, ready to be instantiated for a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use super::call::{Answer, Call};
use super::contract::{self, Prepared};
use super::engine::{Engine, Slot};
use super::failure::{CpuExceeded, Failure, LoadError};
use super::filesystem::{FileSystem, Preopen};
use super::lanes;
use super::state::{self, State};
use crate::http::Request;

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
    requests: AtomicU64,
}

/// One instance, of one request. Its place among the instances is free when it has been taken down.
pub struct Instance {
    // Declared in the order in which they are to be dropped.
    _store: Store<State>,
    _slot: Slot,
}

impl Handler {
    /// Compiles a component (or takes it from the cache) and checks that it can be run with its grants.
    pub fn load(engine: Arc<Engine>, bytes: &[u8], grants: Grants) -> Result<Self, LoadError> {
        let component = compile(&engine, bytes)?;
        let mut linker = Linker::new(engine.wasmtime());
        state::link(&mut linker).map_err(LoadError::Mismatch)?;
        check(&engine, &component)?;
        let component = contract::prepare(&component, &linker).map_err(LoadError::Mismatch)?;
        Ok(Self {
            engine,
            component,
            grants: Arc::new(grants),
            requests: AtomicU64::new(0),
        })
    }

    /// Runs one request in an instance of its own. `client` is the client's address as the guest sees it.
    pub fn call(self: &Arc<Self>, request: Request, client: Arc<str>) -> Call {
        let handler = self.clone();
        Call::new(self.engine.clone(), move |slot| async move {
            handler.run(slot, request, &client).await
        })
    }

    async fn run(&self, slot: Slot, request: Request, client: &str) -> Result<Answer, Failure> {
        let limits = self.engine.limits();
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let state = State::new(self.grants.clone(), limits, number);
        let mut store = Store::new(self.engine.wasmtime(), state);
        store.limiter(|state| &mut state.memory);
        // The tick that is under way is a part of one: the second is the first whole one.
        store.set_epoch_deadline(2);
        store.epoch_deadline_callback(|_| lanes::on_tick());
        let response = contract::answer(&mut store, &self.component, request, client).await;
        match response {
            Ok(response) => Ok(Answer {
                response,
                instance: Instance {
                    _store: store,
                    _slot: slot,
                },
            }),
            Err(Failure::Trap(error)) if error.is::<CpuExceeded>() => Err(Failure::Cpu(limits.cpu)),
            Err(failure) => Err(failure),
        }
    }
}

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
