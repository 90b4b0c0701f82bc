//! An instance of a component.

use wasmtime::Store;

use crate::account::ledger::Held;
use crate::wasi::host_state::HostState;

/// An instance that is ready for a request, with the exports `E` of its world.
pub(crate) struct Instance<E> {
    pub store: Store<HostState>,
    pub exports: E,
    /// Requests that it has begun to answer.
    pub served: u32,
    /// The charge for what wasmtime keeps beside linear memories and tables, if it is much.
    pub _context: Option<Held>,
}
