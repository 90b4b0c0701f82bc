//! The contracts that a component may be built for: in each a request goes in, and a response comes out.
//!
//! Which of them a component follows is told by what it exports, and found out before it is compiled.

mod belljar;
mod body_stream;
mod outgoing;
mod request;
mod wasi_http_02;
mod wasi_http_03;

use std::fmt;
use std::time::Duration;

use tokio::sync::oneshot;
use wasmparser::{ComponentTypeRef, Parser, Payload, TypeBounds};
use wasmtime::Store;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};

use crate::failure::Failure;
use crate::runtime::shared_instance::Crew;
use crate::wasi::host_state::State;
use belljar_http::{Request, Response};

pub(crate) use wasi_http_03::Job;

/// How a component is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// `belljar:handler/handler@0.1`: one synchronous function.
    Belljar,
    /// `wasi:http/proxy@0.2`, by its export `incoming-handler`.
    Proxy,
    /// `wasi:http/service@0.3`, by its export `handler`, an async function.
    Service,
}

/// The names of what a component imports and exports at its outside, as its binary has them.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

/// A component that is linked, its exports looked up once for all instances.
pub(crate) enum Prepared {
    Belljar(belljar::Prepared<State>),
    Proxy(ProxyPre<State>),
    Service(ServicePre<State>),
}

/// The exports of an instance.
pub(crate) enum Exports {
    Belljar(belljar::Exports),
    Proxy(Proxy),
    Service(Service),
}

/// The way ahead for a response whose body is still being made.
pub(crate) struct Early {
    pub response: oneshot::Sender<Response>,
    /// How long the guest may go on after its response's end.
    pub timeout: Duration,
}

impl fmt::Display for Contract {
    /// The world's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Belljar => "belljar:handler/handler@0.1",
            Self::Proxy => "wasi:http/proxy@0.2",
            Self::Service => "wasi:http/service@0.3",
        })
    }
}

impl Contract {
    /// The contract that a component follows. Of several the one that asks for the least between guest and host.
    pub(crate) fn of(outside: &Outside) -> Option<Self> {
        let exports = |name: &str| {
            outside
                .exports
                .iter()
                .any(|export| export.starts_with(name))
        };
        if outside
            .exports
            .iter()
            .any(|export| export == belljar::EXPORT)
        {
            Some(Self::Belljar)
        } else if exports("wasi:http/handler@0.3.") {
            Some(Self::Service)
        } else if exports("wasi:http/incoming-handler@0.2.") {
            Some(Self::Proxy)
        } else {
            None
        }
    }

    /// Whether the guest may go on after the head of its response.
    pub(crate) fn streams(self) -> bool {
        self != Self::Belljar
    }

    /// Whether a component's import belongs to the contract itself.
    pub(crate) fn provides(self, import: &str) -> bool {
        self == Self::Belljar && belljar::provides(import)
    }

    /// Links a component.
    pub(crate) fn prepare(
        self,
        component: &Component,
        linker: &Linker<State>,
    ) -> wasmtime::Result<Prepared> {
        let component = linker.instantiate_pre(component)?;
        Ok(match self {
            Self::Belljar => Prepared::Belljar(belljar::Prepared::new(component)?),
            Self::Proxy => Prepared::Proxy(ProxyPre::new(component)?),
            Self::Service => Prepared::Service(ServicePre::new(component)?),
        })
    }
}

impl Outside {
    /// # Errors
    ///
    /// Where the bytes are no WebAssembly, or cut short. That they are a valid component is not checked here.
    pub fn of(bytes: &[u8]) -> wasmparser::Result<Self> {
        let mut outside = Self::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        let import = import?;
                        // A name for a type that another import has is nothing that somebody would have to provide.
                        if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                            outside.imports.push(import.name.name.to_owned());
                        }
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        outside.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(outside)
    }

    /// Whether the component needs the async ABI of WASI 0.3, of which belljar's own contract and 0.2 do without.
    pub fn is_concurrent(&self) -> bool {
        let mut names = self.imports.iter().chain(&self.exports);
        names.any(|name| name.starts_with("wasi:") && name.contains("@0.3."))
    }
}

impl Prepared {
    pub async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Exports> {
        Ok(match self {
            Self::Belljar(component) => Exports::Belljar(component.instantiate_async(store).await?),
            Self::Proxy(component) => Exports::Proxy(component.instantiate_async(store).await?),
            Self::Service(component) => Exports::Service(component.instantiate_async(store).await?),
        })
    }

    pub fn contract(&self) -> Contract {
        match self {
            Self::Belljar(_) => Contract::Belljar,
            Self::Proxy(_) => Contract::Proxy,
            Self::Service(_) => Contract::Service,
        }
    }
}

impl Exports {
    /// Has an instance answer the requests of a crew. Whether it can be used again.
    pub async fn answer_all(
        &self,
        store: &mut Store<State>,
        crew: &Crew,
        patience: Duration,
    ) -> Result<bool, Failure> {
        match self {
            Self::Service(exports) => {
                wasi_http_03::answer_all(store, exports, crew, patience).await
            }
            // Of no other contract are there crews.
            Self::Belljar(_) | Self::Proxy(_) => Err(Failure::NoResponse),
        }
    }

    /// Has an instance answer one request, to the end of its run. None where the response went ahead of that end by
    /// way of `early`, which a contract that [streams](Contract::streams) needs.
    pub async fn answer(
        &self,
        store: &mut Store<State>,
        request: Request,
        client: &str,
        early: Option<Early>,
    ) -> Result<Option<Response>, Failure> {
        // The runs that stream are large, and kept out of the one that is not.
        match (self, early) {
            (Self::Proxy(exports), Some(early)) => {
                Box::pin(wasi_http_02::answer(store, exports, request, early)).await
            }
            (Self::Service(exports), Some(early)) => {
                Box::pin(wasi_http_03::answer(store, exports, request, early)).await
            }
            (Self::Belljar(exports), _) => belljar::answer(store, exports, request, client)
                .await
                .map(Some),
            (_, None) => Err(Failure::NoResponse),
        }
    }
}
