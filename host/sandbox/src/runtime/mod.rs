//! The runtime: how components are compiled, and how their instances live and run.
//!
//! - [`engines`] has the wasmtime engines, [`engine_config`] their settings. [`compile_cache`] keeps compiled components, [`epoch`] interrupts guests.
//! - [`instance`] is an instance, [`idle_pool`] keeps some for reuse, [`shared_instance`] gives one several requests.
//! - [`scheduler`] runs guests in the fast lane or the slow lane.
//! - [`copy_on_write_image`] prepares the initial content of memories.

pub(crate) mod compile_cache;
pub(crate) mod copy_on_write_image;
pub(crate) mod engine_config;
pub(crate) mod engines;
pub(crate) mod epoch;
pub(crate) mod idle_pool;
pub(crate) mod instance;
pub(crate) mod scheduler;
pub(crate) mod shared_instance;
