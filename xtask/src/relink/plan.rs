//! Finds the shim and the main module of a component, and plans what is moved.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result, bail, ensure};
use wasmparser::ExternalKind;

use super::index_spaces::IndexSpaces;
use super::main_module::MainModule;
use super::shim::Shim;

/// How to rewrite a component. All indices are those of the component's own index spaces.
pub struct Plan {
    pub shim: Instantiated,
    pub main: Instantiated,
    /// The core functions that are exports of the shim.
    pub shim_functions: BTreeSet<u32>,
    /// The length of the shim's table.
    pub table_length: u64,
    pub main_module: MainModule,
}

/// A module and its only instance.
pub struct Instantiated {
    pub module: u32,
    pub instance: u32,
}

impl Plan {
    /// Plans the changes to a valid component.
    ///
    /// # Errors
    ///
    /// The component has no shim, or is not structured as wit-component does it.
    pub fn of(component: &[u8]) -> Result<Self> {
        let spaces = IndexSpaces::of(component)?;
        let instantiations = spaces.instantiations();
        let shim = instantiations
            .first()
            .filter(|first| first.arguments.is_empty())
            .context("the first instance is not that of a shim")?;
        let shim_module = Shim::of(spaces.module_instantiated_once(shim.module)?)?;
        let mut slots = HashMap::new();
        for (index, alias) in (0..).zip(&spaces.functions) {
            if let Some(alias) = alias.filter(|alias| alias.instance == shim.instance) {
                slots.insert(index, shim_module.slots[alias.name]);
            }
        }

        let mut importers = Vec::new();
        for instantiation in &instantiations {
            let mut imports = HashMap::new();
            for argument in instantiation.arguments {
                ensure!(
                    argument.index != shim.instance,
                    "a module imports the whole shim"
                );
                for export in spaces.exports(argument) {
                    if let Some(slot) = slots.get(&export.index)
                        && export.kind == ExternalKind::Func
                    {
                        imports.insert((argument.name, export.name), *slot);
                    }
                }
            }
            if !imports.is_empty() {
                importers.push((instantiation, imports));
            }
        }
        let [(main, imports)] = importers.as_slice() else {
            bail!(
                "{} modules import functions of the shim instead of one",
                importers.len()
            );
        };
        // The table will be an export of the main instance, which therefore must come first.
        let mut tables = spaces.tables.iter();
        ensure!(
            !tables
                .any(|alias| alias.instance == shim.instance
                    && alias.instances_before <= main.instance),
            "the shim's table is used before the main module has an instance"
        );
        let main_module = spaces.module_instantiated_once(main.module)?;
        Ok(Self {
            shim: Instantiated {
                module: shim.module,
                instance: shim.instance,
            },
            main: Instantiated {
                module: main.module,
                instance: main.instance,
            },
            table_length: shim_module.table_length,
            main_module: MainModule::of(main_module, imports)?,
            shim_functions: slots.into_keys().collect(),
        })
    }
}
