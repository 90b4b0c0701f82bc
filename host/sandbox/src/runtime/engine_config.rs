//! The configuration of wasmtime: how components are compiled, and where their instances live.

use super::pool_size::{MEMORIES, PoolSize, TABLE_RESIDENT, TABLES};
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    RegallocAlgorithm,
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
    /// In a pool of this size.
    Pool(PoolSize),
    /// Nowhere: the engine only compiles, as for a pool.
    None,
    /// Wherever there is room when an instance is made.
    OnDemand,
}

/// How much the compiler does for the speed of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    /// All that it can: for code that serves.
    #[default]
    Full,
    /// As little as possible: for code that is soon replaced.
    Least,
}

/// The wasmtime settings of an engine.
pub(crate) fn config(allocation: Allocation, tasks: Tasks) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .shared_memory(false)
        .cranelift_opt_level(OptLevel::Speed)
        // Each guest has a small stack of its own, as a further wall.
        .max_wasm_stack(STACK / 2)
        .async_stack_size(STACK);
    match tasks {
        Tasks::One => config.concurrency_support(false),
        Tasks::Many => config.wasm_component_model_async(true),
    };
    match allocation {
        Allocation::Pool(size) => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(size)))
        }
        Allocation::None => &mut config,
        // If the pool does not fit into the address space, 4 GiB for each memory do not fit either.
        Allocation::OnDemand => config
            .memory_reservation(0)
            .memory_guard_size(64 << 10)
            .memory_reservation_for_growth(1 << 20),
    };
    config
}

/// Makes the compiler quick and its code slow. Engines of other settings take the code, because these two do not change its
/// meaning.
pub(crate) fn spare(config: &mut Config) {
    config
        .cranelift_opt_level(OptLevel::None)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
}

/// The pool, with the settings that make a fresh instance cheap: the kernel's page scan finds the pages that an instance
/// touched, and wasmtime resets them by copying instead of unmapping them and faulting them in again.
fn pooling(size: PoolSize) -> PoolingAllocationConfig {
    let instances = size.instances;
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
        .total_stacks(size.stacks)
        .linear_memory_keep_resident(size.memory_resident)
        .table_keep_resident(TABLE_RESIDENT)
        .decommit_batch_size(DECOMMIT_BATCH)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Bytes of a guest's stack, host functions included; the guest itself may use half of them.
const STACK: usize = 1 << 20;

/// Freed memories that are decommitted together. Most have nothing to decommit, and in a larger batch they would wait for
/// others before their reuse, although they are still in the processor's caches.
const DECOMMIT_BATCH: usize = 1;

/// The most core instances of a component. A Python component has about 40.
pub(crate) const CORE_INSTANCES: u32 = 100;
pub(crate) const TABLE_ELEMENTS: usize = 100_000;
