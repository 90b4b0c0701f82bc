//! The index spaces of a component that matter for its shim.

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentTypeRef, Export, ExternalKind, Instance, InstantiationArg, Payload,
};

use super::sections::sections;

/// The core modules, instances, functions and tables of a component, each in the order of its indices.
#[derive(Default)]
pub struct IndexSpaces<'a> {
    modules: Vec<&'a [u8]>,
    instances: Vec<Instance<'a>>,
    /// `None` for functions that are not exports of an instance.
    pub functions: Vec<Option<Alias<'a>>>,
    pub tables: Vec<Alias<'a>>,
}

/// An export of a core instance, as an item of the component.
#[derive(Clone, Copy)]
pub struct Alias<'a> {
    /// The instance that exports it.
    pub instance: u32,
    pub name: &'a str,
    /// The number of core instances that the component defines before this alias.
    pub instances_before: u32,
}

/// The instantiation of a core module.
#[derive(Clone, Copy)]
pub struct Instantiation<'s, 'a> {
    pub module: u32,
    /// The index of the new instance.
    pub instance: u32,
    pub arguments: &'s [InstantiationArg<'a>],
}

impl<'a> IndexSpaces<'a> {
    /// Reads the index spaces of a valid component.
    ///
    /// # Errors
    ///
    /// The component imports a module, or takes one from another component.
    pub fn of(component: &'a [u8]) -> Result<Self> {
        let mut spaces = Self::default();
        for section in sections(component) {
            match section? {
                Payload::ModuleSection {
                    unchecked_range, ..
                } => spaces.modules.push(&component[unchecked_range]),
                Payload::InstanceSection(instances) => {
                    for instance in instances {
                        spaces.instances.push(instance?);
                    }
                }
                Payload::ComponentCanonicalSection(functions) => {
                    for function in functions {
                        // `lift` defines a function of the component, and all others define a core function.
                        if !matches!(function?, CanonicalFunction::Lift { .. }) {
                            spaces.functions.push(None);
                        }
                    }
                }
                Payload::ComponentAliasSection(aliases) => {
                    for alias in aliases {
                        spaces.add_alias(alias?)?;
                    }
                }
                Payload::ComponentImportSection(imports) => {
                    for import in imports {
                        let module = matches!(import?.ty, ComponentTypeRef::Module(_));
                        ensure!(!module, FOREIGN_MODULE);
                    }
                }
                _ => {}
            }
        }
        Ok(spaces)
    }

    fn add_alias(&mut self, alias: ComponentAlias<'a>) -> Result<()> {
        match alias {
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => {
                let alias = Alias {
                    instance: instance_index,
                    name,
                    instances_before: u32::try_from(self.instances.len())?,
                };
                match kind {
                    ExternalKind::Func => self.functions.push(Some(alias)),
                    ExternalKind::Table => self.tables.push(alias),
                    _ => {}
                }
            }
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Module,
                ..
            }
            | ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::CoreModule,
                ..
            } => bail!(FOREIGN_MODULE),
            ComponentAlias::InstanceExport { .. } | ComponentAlias::Outer { .. } => {}
        }
        Ok(())
    }

    /// All instantiations of core modules, in their order.
    pub fn instantiations(&self) -> Vec<Instantiation<'_, 'a>> {
        let instances = (0..).zip(&self.instances);
        instances
            .filter_map(|(instance, definition)| match definition {
                Instance::Instantiate { module_index, args } => Some(Instantiation {
                    module: *module_index,
                    instance,
                    arguments: args,
                }),
                Instance::FromExports(_) => None,
            })
            .collect()
    }

    /// The module with this index.
    ///
    /// # Errors
    ///
    /// The component has no such module, or instantiates it more than once.
    pub fn module_instantiated_once(&self, module: u32) -> Result<&'a [u8]> {
        let instantiations = self.instantiations();
        let same = instantiations.iter().filter(|other| other.module == module);
        ensure!(
            same.count() == 1,
            "the shim or the main module has two instances"
        );
        let module = self.modules.get(module as usize).copied();
        module.context("an instance has no module")
    }

    /// The items that an argument of an instantiation consists of, if the component lists them.
    pub fn exports(&self, argument: &InstantiationArg<'a>) -> &[Export<'a>] {
        match self.instances.get(argument.index as usize) {
            Some(Instance::FromExports(exports)) => exports,
            _ => &[],
        }
    }
}

const FOREIGN_MODULE: &str = "the component takes a module from outside";
