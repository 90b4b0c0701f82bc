//! Finds out whether a component is put together as wit-component does it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentTypeRef, Export, ExternalKind, Instance, InstantiationArg, Payload,
};

use super::modules::{Main, Shim};
use super::sections;

/// A component with a shim, and one module that takes functions of it: the main one.
///
/// Indices are those of the component's own index spaces: core modules, instances, functions and tables.
pub(super) struct Shape {
    pub shim: Place,
    pub main: Place,
    /// The core functions that are exports of the shim.
    pub shim_functions: BTreeSet<u32>,
    /// Elements of the shim's table.
    pub elements: u64,
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
        let made = spaces.instantiated();
        // It takes nothing from anybody, so that it can be first.
        let (shim, []) = *made.first()? else {
            return None;
        };
        let shim_module = Shim::of(component.get(spaces.module_of(shim, &made)?)?)?;
        let mut shim_functions = HashMap::new();
        for (index, alias) in (0..).zip(&spaces.functions) {
            if let Some(alias) = alias.filter(|alias| alias.instance == shim.instance) {
                shim_functions.insert(index, *shim_module.functions.get(alias.name)?);
            }
        }

        let mut takers = Vec::new();
        for (place, args) in &made {
            let mut taken = HashMap::new();
            for arg in *args {
                // All of its exports at once.
                if arg.index == shim.instance {
                    return None;
                }
                for export in spaces.exports(arg) {
                    if let Some(slot) = shim_functions.get(&export.index)
                        && export.kind == ExternalKind::Func
                    {
                        taken.insert((arg.name, export.name), *slot);
                    }
                }
            }
            if !taken.is_empty() {
                takers.push((*place, taken));
            }
        }
        let [(main, taken)] = takers.as_slice() else {
            return None;
        };
        // The table becomes an export of the main instance, which has to be there by then.
        let mut tables = spaces.tables.iter();
        if tables.any(|alias| alias.instance == shim.instance && alias.before <= main.instance) {
            return None;
        }
        let main_module = component.get(spaces.module_of(*main, &made)?)?;
        Some(Self {
            shim,
            main: *main,
            elements: shim_module.elements,
            main_module: Main::of(main_module, taken)?,
            shim_functions: shim_functions.into_keys().collect(),
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
    before: u32,
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
                    before: u32::try_from(self.instances.len()).ok()?,
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

    /// Where the module of an instance is. None where there are others of the same.
    fn module_of(
        &self,
        place: Place,
        made: &[(Place, &[InstantiationArg<'a>])],
    ) -> Option<Range<usize>> {
        let mut same = made
            .iter()
            .filter(|(other, _)| other.module == place.module);
        let only = same.next().is_some() && same.next().is_none();
        only.then(|| self.modules.get(place.module as usize).cloned())?
    }

    /// What is put together for an instance as this argument.
    fn exports(&self, arg: &InstantiationArg<'a>) -> &[Export<'a>] {
        match self.instances.get(arg.index as usize) {
            Some(Instance::FromExports(exports)) => exports,
            _ => &[],
        }
    }
}
