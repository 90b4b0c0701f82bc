//! The worlds that a component may be built for, each in a file of its own behind the trait [`WorldAdapter`].
//!
//! A component's exports tell its world, before it is compiled ([`ImportsAndExports`]). To add a world, write its file
//! and add a line to `worlds!` below.
//!
//! - [`belljar`], [`wasi_http_02`], [`wasi_http_03`] are the worlds.
//! - [`imports_and_exports`] reads the names that a component imports and exports; [`import_types`] tells which of the
//!   imports have only types.
//! - [`request`], [`body_stream`] and [`outgoing`] convert requests and responses for them.

mod adapter;
mod belljar;
mod body_stream;
mod import_types;
mod imports_and_exports;
mod outgoing;
mod request;
mod wasi_http_02;
mod wasi_http_03;

use std::fmt;
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use crate::failure::Failure;
use crate::runtime::shared_instance::SharedInstance;
use crate::wasi::host_state::HostState;
use adapter::WorldAdapter;
use belljar_http::{Request, Response};

pub(crate) use imports_and_exports::ImportsAndExports;
pub(crate) use outgoing::Early;
pub(crate) use wasi_http_03::Job;

/// Defines the enums over all worlds, and their dispatch. Of several worlds that a component exports the first counts.
macro_rules! worlds {
    ($($(#[$doc:meta])* $world:ident: $adapter:ty,)*) => {
        /// A world: how a component is called.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum World {
            $($(#[$doc])* $world,)*
        }

        /// A linked component, its exports looked up once for all instances.
        pub(crate) enum LinkedComponent {
            $($world(<$adapter as WorldAdapter>::Linked),)*
        }

        /// The exports of an instance.
        pub(crate) enum Exports {
            $($world(<$adapter as WorldAdapter>::Exports),)*
        }

        impl World {
            pub(crate) const ALL: &[Self] = &[$(Self::$world),*];

            /// The world that a component follows.
            pub(crate) fn of(component: &ImportsAndExports) -> Option<Self> {
                let exports = |is_export: fn(&str) -> bool| {
                    component.exports.iter().any(|export| is_export(export))
                };
                $(if exports(<$adapter>::is_export) {
                    return Some(Self::$world);
                })*
                None
            }

            /// Whether an export is the one that this world calls.
            pub(crate) fn is_export(self, name: &str) -> bool {
                match self {
                    $(Self::$world => <$adapter>::is_export(name),)*
                }
            }

            /// Whether the guest may go on after the head of its response.
            pub(crate) fn streams(self) -> bool {
                match self {
                    $(Self::$world => <$adapter>::STREAMS,)*
                }
            }

            /// Whether the world itself provides an import.
            pub(crate) fn provides(self, import: &str) -> bool {
                match self {
                    $(Self::$world => <$adapter>::provides(import),)*
                }
            }

            /// Links a component.
            pub(crate) fn link(
                self,
                component: &Component,
                linker: &Linker<HostState>,
            ) -> wasmtime::Result<LinkedComponent> {
                let component = linker.instantiate_pre(component)?;
                Ok(match self {
                    $(Self::$world => LinkedComponent::$world(<$adapter>::link(component)?),)*
                })
            }
        }

        impl fmt::Display for World {
            /// The world's name, with its package and version.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$world => <$adapter>::NAME,)*
                })
            }
        }

        impl LinkedComponent {
            pub fn world(&self) -> World {
                match self {
                    $(Self::$world(_) => World::$world,)*
                }
            }

            /// Makes an instance.
            pub async fn instantiate(&self, store: &mut Store<HostState>) -> wasmtime::Result<Exports> {
                Ok(match self {
                    $(Self::$world(component) => {
                        Exports::$world(<$adapter>::instantiate(component, store).await?)
                    })*
                })
            }
        }

        impl Exports {
            /// Runs one request in an instance, to the end of the guest's work. None if the response went ahead of
            /// that end through `early`, which a world that [streams](World::streams) needs.
            pub async fn answer(
                &self,
                store: &mut Store<HostState>,
                request: Request,
                client: &str,
                early: Option<Early>,
            ) -> Result<Option<Response>, Failure> {
                match self {
                    $(Self::$world(exports) => {
                        <$adapter>::answer(store, exports, request, client, early).await
                    })*
                }
            }
        }
    };
}

worlds! {
    /// `belljar:handler/handler@0.1`: one synchronous function, `handle`.
    Belljar: belljar::Belljar,
    /// `wasi:http/service@0.3`: the async function `handle` of its export `handler`.
    WasiHttp03: wasi_http_03::WasiHttp03,
    /// `wasi:http/proxy@0.2`: the function `handle` of its export `incoming-handler`.
    WasiHttp02: wasi_http_02::WasiHttp02,
}

impl World {
    /// Whether an instance may answer several requests at once.
    pub(crate) fn is_shareable(self) -> bool {
        self == Self::WasiHttp03
    }

    /// Whether a middleware can be in front of such a component. A middleware of wasi:http imports the interface that it
    /// exports. belljar's own contract has no interface to import: its world exports a function.
    pub(crate) fn has_middleware(self) -> bool {
        self != Self::Belljar
    }
}

impl Exports {
    /// Answers the requests of a shared instance until it has none left. After that, guest tasks may go on for
    /// `timeout`. Returns whether the instance can be used again.
    pub async fn answer_all(
        &self,
        store: &mut Store<HostState>,
        shared: &SharedInstance<Job>,
        timeout: Duration,
    ) -> Result<bool, Failure> {
        match self {
            Self::WasiHttp03(exports) => {
                wasi_http_03::answer_all(store, exports, shared, timeout).await
            }
            // Instances of the other worlds are never shared.
            Self::Belljar(_) | Self::WasiHttp02(_) => Err(Failure::NoResponse),
        }
    }
}
