//! The main module: what must be known about it to add the functions and the table of the shim.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{Payload, TypeRef};

use super::function_types::parameter_counts;
use super::sections::sections;

/// The name of the export of the main module that is the shim's table.
pub const TABLE: &str = "$imports";

pub struct MainModule {
    /// The index that the shim's table gets, after the module's own tables.
    pub table: u32,
    /// The new index of each imported function. The module's own functions keep their indices, because each stub
    /// replaces an import.
    pub functions: Vec<u32>,
    /// The stubs, in the order of their new indices. They are the first functions that the module defines.
    pub stubs: Vec<Stub>,
}

/// A function of the shim, as a function of the main module.
pub struct Stub {
    /// The index of its type in the main module.
    pub function_type: u32,
    pub parameters: u32,
    /// The slot of the shim's table that it calls.
    pub slot: i32,
}

impl MainModule {
    /// Takes the slots of the shim that the module imports, by the module and name of the import.
    ///
    /// # Errors
    ///
    /// The module lacks a section to which something is added, already has an export named [`TABLE`], or has metadata
    /// that refers to functions.
    pub fn of(module: &[u8], slots: &HashMap<(&str, &str), i32>) -> Result<Self> {
        let mut parameters = Vec::new();
        let (mut imports, mut table) = (Vec::new(), 0);
        let (mut functions, mut tables, mut exports, mut code) = (false, false, false, false);
        for section in sections(module) {
            match section? {
                Payload::TypeSection(section) => parameters = parameter_counts(section)?,
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(ty) => {
                                let slot = slots.get(&(import.module, import.name));
                                imports.push((ty, slot.copied()));
                            }
                            TypeRef::Table(_) => table += 1,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(_) => functions = true,
                Payload::TableSection(section) => {
                    tables = true;
                    table += section.count();
                }
                Payload::ExportSection(section) => {
                    exports = true;
                    for export in section {
                        ensure!(
                            export?.name != TABLE,
                            "the main module already exports `{TABLE}`"
                        );
                    }
                }
                // Hints for the compiler refer to functions by their indices, which change.
                Payload::CustomSection(section) if section.name().starts_with("metadata.") => {
                    bail!("the main module has the section `{}`", section.name());
                }
                Payload::CodeSectionStart { .. } => code = true,
                _ => {}
            }
        }
        ensure!(
            functions && tables && exports && code,
            "the main module has no functions, no table or no exports"
        );
        let remaining = imports.iter().filter(|(_, slot)| slot.is_none()).count();
        let (mut next_import, mut next_stub) = (0, u32::try_from(remaining)?);
        let (mut functions, mut stubs) = (Vec::new(), Vec::new());
        for (function_type, slot) in imports {
            let next = match slot {
                None => &mut next_import,
                Some(slot) => {
                    stubs.push(Stub {
                        function_type,
                        parameters: parameters[function_type as usize]
                            .context("an imported function has no type")?,
                        slot,
                    });
                    &mut next_stub
                }
            };
            functions.push(*next);
            *next += 1;
        }
        Ok(Self {
            table,
            functions,
            stubs,
        })
    }
}
