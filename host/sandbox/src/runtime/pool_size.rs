//! The size of an engine's pool: how many instances it has room for, and how much memory they leave resident.
//!
//! A pool keeps pages of instances that have ended, because fresh pages cost page faults. Nothing gives these pages back, so
//! they count for as long as the server runs.

/// The size of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolSize {
    /// Instances in the pool.
    pub instances: u32,
    /// Stacks, of guests and of the tasks of WASI 0.3.
    pub stacks: u32,
    /// Bytes of a memory that stay resident for the next instance.
    pub memory_resident: usize,
}

impl PoolSize {
    /// The pool for at most `max_instances` that run at once, each with up to `stacks`. At most `budget` bytes stay
    /// resident, if [`most_instances`](Self::most_instances) allows so many instances.
    pub fn fit(max_instances: u32, stacks: u32, budget: u64) -> Self {
        let instances = in_pool(max_instances);
        // Half of the budget is for stacks, if each instance has one.
        let most_stacks = u32::try_from(budget / 2 / STACK).unwrap_or(u32::MAX);
        let stacks = instances.saturating_mul(stacks);
        let stacks = stacks.min(most_stacks.max(instances));
        let tables = u64::from(TABLES * instances) * TABLE_RESIDENT as u64;
        let left = budget.saturating_sub(u64::from(stacks) * STACK + tables);
        let each = left / u64::from(MEMORIES * instances);
        // A part of a page cannot stay.
        let each = (each - each % PAGE).min(MEMORY_RESIDENT);
        Self {
            instances,
            stacks,
            memory_resident: usize::try_from(each).unwrap_or(usize::MAX),
        }
    }

    /// The most instances that may run at once, so that no more than `budget` bytes stay resident in a pool with a stack for
    /// each.
    pub fn most_instances(max_instances: u32, budget: u64) -> u32 {
        let fits = |instances: &u32| u64::from(in_pool(*instances)) * LEAST <= budget;
        (1..=max_instances).rev().find(fits).unwrap_or(1)
    }
}

/// The instances that a pool needs room for.
fn in_pool(max_instances: u32) -> u32 {
    let slack = (max_instances / 8).clamp(LEAST_SLACK, MOST_SLACK);
    max_instances.saturating_add(PROBES + slack)
}

/// Bytes of a stack that guests have touched at most: half of it is for WebAssembly, and host functions take little more.
pub(super) const STACK: u64 = 640 << 10;

/// Stacks for each instance of WASI 0.3. Each task that waits within a call takes one.
pub(super) const STACKS: u32 = 4;

/// The most memories and tables of a component. A Python component has 1 and 4.
pub(crate) const MEMORIES: u32 = 2;
pub(crate) const TABLES: u32 = 4;

/// Bytes of a memory that stay resident for the next instance, if the budget allows.
const MEMORY_RESIDENT: u64 = 2 << 20;

/// Bytes of a table that stay resident. Few tables have more than a thousand elements.
pub(super) const TABLE_RESIDENT: usize = 16 << 10;

/// The least that an instance leaves behind: its stack and tables, and 64 KiB of its memories.
const LEAST: u64 = STACK + TABLES as u64 * TABLE_RESIDENT as u64 + (64 << 10);

const PAGE: u64 = 4 << 10;

/// Instances that a pool has room for beyond those that may run, for threads that make room at the same moment.
const LEAST_SLACK: u32 = 8;
const MOST_SLACK: u32 = 64;

/// The most probes at once. They have room of their own, so that a busy handler can be replaced.
pub(crate) const PROBES: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn resident(size: PoolSize) -> u64 {
        let memories = u64::from(size.instances * MEMORIES) * size.memory_resident as u64;
        let tables = u64::from(size.instances * TABLES) * TABLE_RESIDENT as u64;
        memories + tables + u64::from(size.stacks) * STACK
    }

    #[test]
    fn a_pool_without_a_budget_keeps_as_much_as_is_useful() {
        for (stacks, expected) in [(1, 1068), (STACKS, 4272)] {
            let size = PoolSize::fit(1000, stacks, u64::MAX);
            let expected = PoolSize {
                instances: 1068,
                stacks: expected,
                memory_resident: 2 << 20,
            };
            assert_eq!(size, expected);
        }
        assert_eq!(PoolSize::most_instances(10_000, u64::MAX), 10_000);
    }

    #[test]
    fn what_stays_resident_fits_into_the_budget() {
        for budget in [16 * MIB, 96 * MIB, 300 * MIB, 1000 * MIB, 4500 * MIB] {
            for wanted in [1, 2, 10, 1000, 10_000] {
                let instances = PoolSize::most_instances(wanted, budget);
                assert!((1..=wanted).contains(&instances));
                let is_most = u64::from(in_pool(instances + 1)) * LEAST > budget;
                assert!(instances == wanted || is_most, "{instances} in {budget}");
                let size = PoolSize::fit(instances, 1, budget);
                assert!(resident(size) <= budget, "{size:?} in {budget}");
                assert!(size.memory_resident >= 32 << 10, "{size:?} in {budget}");
                // More stacks leave less for memories.
                let size = PoolSize::fit(instances, STACKS, budget);
                assert!(resident(size) <= budget, "{size:?} in {budget}");
                assert!(size.stacks >= size.instances);
            }
        }
    }
}
