//! The configuration of wasmtime: how components are compiled, and where their instances live.

use wasmtime::{
    Cache, Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

/// How many tasks an instance of an engine may have at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tasks {
    One,
    /// The async ABI of WASI 0.3.
    Many,
}

/// Where the instances of an engine live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allocation {
    /// In a pool with room for this many.
    Pool(u32),
    /// Nowhere: the engine only compiles, as for a pool.
    None,
    /// Wherever there is room when an instance is made.
    OnDemand,
}

/// The wasmtime settings of an engine.
pub(crate) fn config(allocation: Allocation, tasks: Tasks, cache: Option<&Cache>) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .shared_memory(false)
        .cranelift_opt_level(OptLevel::Speed)
        // Each guest has a small stack of its own, as a further wall.
        .max_wasm_stack(STACK / 2)
        .async_stack_size(STACK)
        .cache(cache.cloned());
    match tasks {
        Tasks::One => config.concurrency_support(false),
        Tasks::Many => config.wasm_component_model_async(true),
    };
    match allocation {
        Allocation::Pool(instances) => config.allocation_strategy(
            InstanceAllocationStrategy::Pooling(pooling(instances, tasks)),
        ),
        Allocation::None => &mut config,
        // If the pool does not fit into the address space, 4 GiB for each memory do not fit either.
        Allocation::OnDemand => config
            .memory_reservation(0)
            .memory_guard_size(64 << 10)
            .memory_reservation_for_growth(1 << 20),
    };
    config
}

/// The pool, with the settings that make a fresh instance cheap: the kernel's page scan finds the pages that an instance
/// touched, and wasmtime resets them by copying instead of unmapping them and faulting them in again.
fn pooling(max_instances: u32, tasks: Tasks) -> PoolingAllocationConfig {
    let instances = max_instances.saturating_add(PROBES + SLACK);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_memories(instances.saturating_mul(MEMORIES))
        .max_memories_per_component(MEMORIES)
        .total_tables(instances.saturating_mul(TABLES))
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .total_stacks(match tasks {
            Tasks::One => instances,
            Tasks::Many => instances.saturating_mul(STACKS),
        })
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT)
        .decommit_batch_size(DECOMMIT_BATCH)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Bytes of a guest's stack, host functions included; the guest itself may use half of them.
const STACK: usize = 1 << 20;
const STACK_KEEP_RESIDENT: usize = 64 << 10;

/// Stacks for each instance of WASI 0.3. Each task that waits within a call takes one.
const STACKS: u32 = 4;

/// Bytes of a memory or table that stay resident in the pool for the next instance.
const KEEP_RESIDENT: usize = 2 << 20;

/// Freed memories that are decommitted together. Most have nothing to decommit, and in a larger batch they would wait for
/// others before their reuse, although they are still in the processor's caches.
const DECOMMIT_BATCH: usize = 1;

/// Instances that a pool has room for beyond `--max-instances`, for threads that make room at the same moment.
const SLACK: u32 = 64;

/// The most probes at once. They have room of their own, so that a busy handler can be replaced.
pub(crate) const PROBES: u32 = 4;

/// The most core instances, memories and tables of a component. A Python component has about 40, 1 and 4.
const CORE_INSTANCES: u32 = 100;
const MEMORIES: u32 = 2;
const TABLES: u32 = 4;
const TABLE_ELEMENTS: usize = 100_000;
