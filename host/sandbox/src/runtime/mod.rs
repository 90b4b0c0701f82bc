//! The runtime: how components are compiled, and how their instances live and run.
//!
//! - [`engines`] has the wasmtime engines, [`engine_config`] their settings, [`pool_size`] the size of their pools.
//! - [`epoch`] interrupts guests.
//! - [`instance`] is an instance, [`instance_size`] estimates what it needs, [`idle_pool`] keeps some for reuse, [`shared_instance`] gives one several requests.
//! - [`scheduler`] runs guests in the fast lane or the slow lane.
//! - [`components`] shares compiled components, [`copy_on_write_image`] prepares the initial content of their memories.

pub(crate) mod components;
pub(crate) mod copy_on_write_image;
pub(crate) mod engine_config;
pub(crate) mod engines;
pub(crate) mod epoch;
pub(crate) mod idle_pool;
pub(crate) mod instance;
pub(crate) mod instance_size;
pub(crate) mod pool_size;
pub(crate) mod scheduler;
pub(crate) mod shared_instance;
