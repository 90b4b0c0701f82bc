//! Reads the type section of a module.

use anyhow::Result;
use wasmparser::{CompositeInnerType, TypeSectionReader};

/// The number of parameters of each type of a module. `None` for types that are not functions.
pub fn parameter_counts(section: TypeSectionReader<'_>) -> Result<Vec<Option<u32>>> {
    let mut counts = Vec::new();
    for group in section {
        for ty in group?.into_types() {
            counts.push(match ty.composite_type.inner {
                CompositeInnerType::Func(ty) => Some(u32::try_from(ty.params().len())?),
                _ => None,
            });
        }
    }
    Ok(counts)
}
