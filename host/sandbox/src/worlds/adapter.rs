//! The trait that each world implements: how the host links a component, makes instances and calls them.

use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::outgoing::Early;
use crate::failure::Failure;
use crate::wasi::host_state::HostState;
use belljar_http::{Request, Response};

/// A world that a component may be built for: a request goes in, a response comes out.
pub(crate) trait WorldAdapter {
    /// A linked component, its exports looked up once for all instances.
    type Linked;
    /// The exports of an instance.
    type Exports;

    /// The name of the world, with its package and version.
    const NAME: &'static str;

    /// Whether the guest may go on after the head of its response.
    const STREAMS: bool;

    /// Whether a component with this export follows the world.
    fn is_export(name: &str) -> bool;

    /// Whether the world itself provides an import.
    fn provides(import: &str) -> bool;

    /// Looks up the exports of a component.
    fn link(component: InstancePre<HostState>) -> wasmtime::Result<Self::Linked>;

    /// Makes an instance.
    async fn instantiate(
        component: &Self::Linked,
        store: &mut Store<HostState>,
    ) -> wasmtime::Result<Self::Exports>;

    /// Runs one request in an instance, to the end of the guest's work. None if the response went ahead of that end
    /// through `early`, which worlds that [stream](Self::STREAMS) need. `client` is the client's address.
    async fn answer(
        store: &mut Store<HostState>,
        exports: &Self::Exports,
        request: Request,
        client: &str,
        early: Option<Early>,
    ) -> Result<Option<Response>, Failure>;
}
