//! What an instance of a component needs of the host: bytes beside its linear memories and tables, and how many of those it has.
//!
//! wasmtime keeps a context for each core instance: pointers to imports and functions, and the globals. A component can
//! instantiate a module many times, so a small component may need much. wasmtime does not tell the size, so it is estimated
//! from the binary, rather too high than too low.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Instance, Parser, Payload,
};

/// What an instance needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct InstanceSize {
    /// Bytes that the host keeps beside linear memories and tables.
    pub bytes: u64,
    pub memories: u64,
    pub tables: u64,
}

impl InstanceSize {
    /// An estimate that no instance exceeds.
    pub const UNKNOWN: Self = Self {
        bytes: UNKNOWN,
        memories: UNKNOWN,
        tables: UNKNOWN,
    };

    /// The size of two instances together.
    pub fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            memories: self.memories.saturating_add(other.memories),
            tables: self.tables.saturating_add(other.tables),
        }
    }
}

/// What an instance of this component needs.
///
/// # Errors
///
/// If the bytes are not WebAssembly, or are cut short. Whether they are a valid component is not checked here.
pub(crate) fn instance_size(bytes: &[u8]) -> wasmparser::Result<InstanceSize> {
    let mut open = vec![Part::default()];
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } => open.push(Part {
                is_module: true,
                size: InstanceSize {
                    bytes: MODULE,
                    ..InstanceSize::default()
                },
                ..Part::default()
            }),
            Payload::ComponentSection { .. } => open.push(Part::default()),
            Payload::End(_) if open.len() > 1 => {
                if let (Some(ended), Some(around)) = (open.pop(), open.last_mut()) {
                    match ended.is_module {
                        true => around.modules.push(ended.size),
                        false => around.components.push(ended.size),
                    }
                }
            }
            payload => read(payload, &mut open)?,
        }
    }
    Ok(open.first().map_or(InstanceSize::default(), |one| one.size))
}

/// What an instance of a chain of these components needs: each part has one instance.
///
/// # Errors
///
/// As for [`instance_size`].
pub(crate) fn instance_size_of(parts: &[&[u8]]) -> wasmparser::Result<InstanceSize> {
    parts.iter().try_fold(InstanceSize::default(), |sum, part| {
        Ok(sum.and(instance_size(part)?))
    })
}

/// A module or component that is being read.
#[derive(Default)]
struct Part {
    is_module: bool,
    /// What an instance of it needs.
    size: InstanceSize,
    /// What instances of the modules and components in its index spaces need.
    modules: Vec<InstanceSize>,
    components: Vec<InstanceSize>,
}

impl Part {
    fn count(&mut self, number: u32, bytes: u64) {
        self.size.bytes = self.size.bytes.saturating_add(u64::from(number) * bytes);
    }

    /// An instance of a module or component belongs to it.
    fn instantiate(&mut self, size: InstanceSize) {
        self.size = self.size.and(size);
    }

    /// A module or component of another index joins the index space.
    fn add(&mut self, kind: ComponentExternalKind, size: InstanceSize) {
        match kind {
            ComponentExternalKind::Module => self.modules.push(size),
            ComponentExternalKind::Component => self.components.push(size),
            _ => {}
        }
    }
}

fn read(payload: Payload<'_>, open: &mut [Part]) -> wasmparser::Result<()> {
    let Some((part, around)) = open.split_last_mut() else {
        return Ok(());
    };
    match payload {
        Payload::ImportSection(imports) => part.count(imports.count(), IMPORT),
        Payload::FunctionSection(functions) => part.count(functions.count(), FUNCTION),
        Payload::GlobalSection(globals) => part.count(globals.count(), GLOBAL),
        Payload::TableSection(tables) => {
            part.count(tables.count(), OTHER);
            part.size.tables += u64::from(tables.count());
        }
        Payload::MemorySection(memories) => {
            part.count(memories.count(), OTHER);
            part.size.memories += u64::from(memories.count());
        }
        Payload::TagSection(tags) => part.count(tags.count(), OTHER),
        Payload::InstanceSection(instances) => {
            for instance in instances {
                if let Instance::Instantiate { module_index, .. } = instance? {
                    let size = at(&part.modules, module_index);
                    part.instantiate(size);
                }
            }
        }
        Payload::ComponentInstanceSection(instances) => {
            for instance in instances {
                if let ComponentInstance::Instantiate {
                    component_index, ..
                } = instance?
                {
                    let size = at(&part.components, component_index);
                    part.instantiate(size);
                }
            }
        }
        Payload::ComponentImportSection(imports) => {
            for import in imports {
                match import?.ty {
                    ComponentTypeRef::Module(_) => part.modules.push(InstanceSize::UNKNOWN),
                    ComponentTypeRef::Component(_) => part.components.push(InstanceSize::UNKNOWN),
                    _ => {}
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports {
                let export = export?;
                let size = match export.kind {
                    ComponentExternalKind::Module => at(&part.modules, export.index),
                    _ => at(&part.components, export.index),
                };
                part.add(export.kind, size);
            }
        }
        Payload::ComponentAliasSection(aliases) => {
            for alias in aliases {
                match alias? {
                    ComponentAlias::InstanceExport { kind, .. } => {
                        part.add(kind, InstanceSize::UNKNOWN)
                    }
                    ComponentAlias::Outer { kind, count, index } => {
                        let outer = match count.checked_sub(1) {
                            None => Some(&*part),
                            Some(count) => around.iter().rev().nth(count as usize),
                        };
                        let sizes = outer.map(|outer| (&outer.modules, &outer.components));
                        let size = |of: Option<&Vec<InstanceSize>>| {
                            of.map_or(InstanceSize::UNKNOWN, |of| at(of, index))
                        };
                        match kind {
                            ComponentOuterAliasKind::CoreModule => {
                                let size = size(sizes.map(|sizes| sizes.0));
                                part.modules.push(size);
                            }
                            ComponentOuterAliasKind::Component => {
                                let size = size(sizes.map(|sizes| sizes.1));
                                part.components.push(size);
                            }
                            _ => {}
                        }
                    }
                    ComponentAlias::CoreInstanceExport { .. } => {}
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn at(sizes: &[InstanceSize], index: u32) -> InstanceSize {
    let found = usize::try_from(index)
        .ok()
        .and_then(|index| sizes.get(index));
    found.copied().unwrap_or(InstanceSize::UNKNOWN)
}

/// Bytes that wasmtime keeps for each of these (`VMOffsets` of its version 48).
const MODULE: u64 = 1 << 10;
const IMPORT: u64 = 48;
const FUNCTION: u64 = 32;
const GLOBAL: u64 = 16;
const OTHER: u64 = 128;

/// The largest context that the pool allows, for a module that is not in the binary.
const UNKNOWN: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of(text: &str) -> u64 {
        instance_size(&wat::parse_str(text).unwrap()).unwrap().bytes
    }

    #[test]
    fn counts_what_each_instance_of_a_module_needs() {
        let globals = "(global i64 (i64.const 0))".repeat(1000);
        let module = format!("(core module $m {globals})");
        let one = MODULE + 1000 * GLOBAL;
        let instance = "(core instance (instantiate $m))";
        for (text, expected) in [
            (format!("(component {module})"), 0),
            (format!("(component {module} {instance})"), one),
            (format!("(component {module} {instance}{instance})"), 2 * one),
            (
                format!(
                    "(component {module} (component $c {instance}{instance})
                       (instance (instantiate $c)) (instance (instantiate $c)) {instance})"
                ),
                5 * one,
            ),
            (
                format!(
                    "(component (component $c {module} (export \"m\" (core module $m)))
                       (instance $i (instantiate $c)) (alias export $i \"m\" (core module $m)) {instance})"
                ),
                UNKNOWN,
            ),
        ] {
            assert_eq!(size_of(&text), expected, "{text:.200}");
        }
    }

    #[test]
    fn counts_functions_and_imports() {
        let text = "(component (core module $m (func) (func) (memory 1)) \
                    (core instance (instantiate $m)))";
        assert_eq!(size_of(text), MODULE + 2 * FUNCTION + OTHER);
    }

    #[test]
    fn counts_memories_and_tables_of_all_instances() {
        let module = "(core module $m (memory 1) (table 1 funcref) (table 1 funcref))";
        let instance = "(core instance (instantiate $m))";
        let text = format!(
            "(component {module} {instance} (component $c {module} {instance}{instance})
               (instance (instantiate $c)))"
        );
        let size = instance_size(&wat::parse_str(text).unwrap()).unwrap();
        assert_eq!((size.memories, size.tables), (3, 6));
    }
}
