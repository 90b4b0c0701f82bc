//! Finds out whether a component is put together as wit-component does it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentTypeRef, Export, ExternalKind, Instance, InstantiationArg, Payload,
};

use super::modules::{Main, Shim, fills};
use super::sections;
use crate::sandbox::engine::TABLE_ELEMENTS;

/// A component of three modules, each instantiated once, in this order: a shim, a main module, a fixup.
///
/// Indices are those of the component's own index spaces: core modules, instances, functions and tables.
pub(super) struct Shape {
    pub shim: Place,
    pub main: Place,
    pub fixup: Place,
    /// The core functions that are exports of the shim.
    pub shim_functions: BTreeSet<u32>,
    /// The core table that is an export of the shim.
    pub shim_table: u32,
    /// Elements of the shim's table.
    pub slots: u64,
    pub main_module: Main,
}

/// A module, and its one instance.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub module: u32,
    pub instance: u32,
}

impl Shape {
    /// None where the component has another shape, or is damaged.
    pub fn of(component: &[u8]) -> Option<Self> {
        let spaces = Spaces::of(component)?;
        let [(shim, []), (main, main_args), (fixup, [fixup_arg])] = *spaces.instantiated() else {
            return None;
        };
        let [shim_bytes, main_bytes, fixup_bytes] = [shim, main, fixup]
            .map(|place| component.get(spaces.modules.get(place.module as usize)?.clone()));
        let mut modules = [shim, main, fixup].map(|place| place.module);
        modules.sort_unstable();
        if modules != [0, 1, 2] || spaces.modules.len() != 3 {
            return None;
        }

        let table = Shim::of(shim_bytes?)?;
        let mut shim_functions = HashMap::new();
        for (index, alias) in (0..).zip(&spaces.functions) {
            if let Some(alias) = alias.filter(|alias| alias.instance == shim.instance) {
                shim_functions.insert(index, *table.functions.get(alias.name)?);
            }
        }
        let mut shim_tables = (0..)
            .zip(&spaces.tables)
            .filter(|(_, alias)| alias.instance == shim.instance);
        let (shim_table, alias) = shim_tables.next()?;
        // It becomes an export of the main instance, which has to be there by then.
        if shim_tables.next().is_some() || alias.instances_before <= main.instance {
            return None;
        }
        if main_args.iter().any(|arg| arg.index == shim.instance) {
            return None;
        }

        let mut slots = HashMap::new();
        for arg in main_args {
            for export in spaces.exports(arg)? {
                if let Some(slot) = shim_functions.get(&export.index)
                    && export.kind == ExternalKind::Func
                {
                    slots.insert((arg.name, export.name), *slot);
                }
            }
        }
        // Nobody but the fixup may have the table: an element of it has another index from now on.
        let with_table = spaces.instances.iter().filter(|instance| {
            exports(instance)
                .is_some_and(|exports| exports.iter().any(|export| is_table(export, shim_table)))
        });
        let by_fixup = spaces
            .exports(fixup_arg)?
            .iter()
            .any(|export| is_table(export, shim_table));
        if with_table.count() != 1 || !by_fixup {
            return None;
        }
        fills(fixup_bytes?, table.slots)?;
        let main_module = Main::of(main_bytes?, &slots)?;
        if main_module.own_elements.checked_add(table.slots)? > TABLE_ELEMENTS as u64 {
            return None;
        }
        Some(Self {
            shim,
            main,
            fixup,
            shim_functions: shim_functions.into_keys().collect(),
            shim_table,
            slots: table.slots,
            main_module,
        })
    }
}

/// The index spaces of a component, as far as they matter here.
#[derive(Default)]
struct Spaces<'a> {
    modules: Vec<Range<usize>>,
    instances: Vec<Instance<'a>>,
    /// Of core functions; those that are no export of an instance are None.
    functions: Vec<Option<Alias<'a>>>,
    tables: Vec<Alias<'a>>,
}

/// The export of a core instance.
#[derive(Clone, Copy)]
struct Alias<'a> {
    instance: u32,
    name: &'a str,
    /// How many core instances come before this alias.
    instances_before: u32,
}

impl<'a> Spaces<'a> {
    fn of(component: &'a [u8]) -> Option<Self> {
        let mut spaces = Self::default();
        for section in sections(component) {
            match section.ok()? {
                Payload::ModuleSection {
                    unchecked_range, ..
                } => spaces.modules.push(unchecked_range),
                Payload::InstanceSection(instances) => {
                    for instance in instances {
                        spaces.instances.push(instance.ok()?);
                    }
                }
                Payload::ComponentCanonicalSection(functions) => {
                    for function in functions {
                        // What is lifted becomes a function of the component.
                        if !matches!(function.ok()?, CanonicalFunction::Lift { .. }) {
                            spaces.functions.push(None);
                        }
                    }
                }
                Payload::ComponentAliasSection(aliases) => {
                    for alias in aliases {
                        spaces.alias(alias.ok()?)?;
                    }
                }
                Payload::ComponentImportSection(imports) => {
                    for import in imports {
                        if matches!(import.ok()?.ty, ComponentTypeRef::Module(_)) {
                            return None;
                        }
                    }
                }
                _ => {}
            }
        }
        Some(spaces)
    }

    /// None where it brings a module, which would have an index.
    fn alias(&mut self, alias: ComponentAlias<'a>) -> Option<()> {
        match alias {
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => {
                let alias = Alias {
                    instance: instance_index,
                    name,
                    instances_before: u32::try_from(self.instances.len()).ok()?,
                };
                match kind {
                    ExternalKind::Func => self.functions.push(Some(alias)),
                    ExternalKind::Table => self.tables.push(alias),
                    ExternalKind::FuncExact => return None,
                    ExternalKind::Memory | ExternalKind::Global | ExternalKind::Tag => {}
                }
            }
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Module,
                ..
            }
            | ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::CoreModule,
                ..
            } => return None,
            ComponentAlias::InstanceExport { .. } | ComponentAlias::Outer { .. } => {}
        }
        Some(())
    }

    /// The instances of modules, with what they are given.
    fn instantiated(&self) -> Vec<(Place, &[InstantiationArg<'a>])> {
        (0..)
            .zip(&self.instances)
            .filter_map(|(index, instance)| match instance {
                Instance::Instantiate { module_index, args } => {
                    let place = Place {
                        module: *module_index,
                        instance: index,
                    };
                    Some((place, &**args))
                }
                Instance::FromExports(_) => None,
            })
            .collect()
    }

    /// What an instance is given by this argument. None where that is not put together for it.
    fn exports(&self, arg: &InstantiationArg<'a>) -> Option<&[Export<'a>]> {
        exports(self.instances.get(arg.index as usize)?)
    }
}

fn exports<'i, 'a>(instance: &'i Instance<'a>) -> Option<&'i [Export<'a>]> {
    match instance {
        Instance::FromExports(exports) => Some(exports),
        Instance::Instantiate { .. } => None,
    }
}

fn is_table(export: &Export<'_>, index: u32) -> bool {
    export.kind == ExternalKind::Table && export.index == index
}
