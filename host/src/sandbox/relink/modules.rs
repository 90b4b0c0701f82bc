//! Finds out what the modules of such a component do: each of these is None where it is anything else.

use std::collections::HashMap;

use wasmparser::{
    CompositeInnerType, ExternalKind, FunctionBody, Operator, Payload, RefType, Table, TableInit,
    TableSectionReader, TypeRef, TypeSectionReader,
};

use super::sections;

/// A module of functions that call through its table, and nothing else.
pub(super) struct Shim<'a> {
    /// By the names of its exports, the elements that they call.
    pub functions: HashMap<&'a str, i32>,
    /// The elements of its table.
    pub elements: u64,
}

impl<'a> Shim<'a> {
    pub fn of(module: &'a [u8]) -> Option<Self> {
        let (mut params, mut types, mut called) = (Vec::new(), Vec::new(), Vec::new());
        let (mut exported, mut elements) = (Vec::new(), None);
        for section in sections(module) {
            match section.ok()? {
                Payload::TypeSection(section) => params = params_of(section)?,
                Payload::FunctionSection(section) => {
                    types = section.into_iter().collect::<Result<_, _>>().ok()?;
                }
                Payload::TableSection(section) => {
                    elements = Some(only_table(section)?);
                }
                Payload::ExportSection(section) => {
                    exported = section.into_iter().collect::<Result<_, _>>().ok()?;
                }
                Payload::CodeSectionStart { .. } | Payload::CustomSection(_) => {}
                Payload::CodeSectionEntry(body) => {
                    let ty: u32 = *types.get(called.len())?;
                    called.push(called_slot(&body, ty, (*params.get(ty as usize)?)?)?);
                }
                _ => return None,
            }
        }
        let mut functions = HashMap::new();
        for export in exported {
            if export.kind == ExternalKind::Func {
                functions.insert(export.name, *called.get(export.index as usize)?);
            }
        }
        Some(Self {
            functions,
            elements: elements?,
        })
    }
}

fn only_table(section: TableSectionReader<'_>) -> Option<u64> {
    let mut tables = section.into_iter();
    match (tables.next()?.ok()?, tables.next()) {
        (table, None) => fixed(&table),
        _ => None,
    }
}

/// The elements of a table of functions that cannot grow, all null at first. None of another.
fn fixed(table: &Table<'_>) -> Option<u64> {
    let ty = &table.ty;
    let plain = ty.element_type == RefType::FUNCREF && !ty.table64 && !ty.shared;
    let null = matches!(table.init, TableInit::RefNull);
    (plain && null && ty.maximum == Some(ty.initial)).then_some(ty.initial)
}

/// The parameters of a module's types; None for those that are no functions.
fn params_of(section: TypeSectionReader<'_>) -> Option<Vec<Option<u32>>> {
    let mut params = Vec::new();
    for group in section {
        for ty in group.ok()?.into_types() {
            params.push(match ty.composite_type.inner {
                CompositeInnerType::Func(ty) => Some(u32::try_from(ty.params().len()).ok()?),
                _ => None,
            });
        }
    }
    Some(params)
}

/// The element that a function calls which hands on its parameters and does nothing else.
fn called_slot(body: &FunctionBody<'_>, ty: u32, params: u32) -> Option<i32> {
    if body.get_locals_reader().ok()?.get_count() != 0 {
        return None;
    }
    let mut code = body.get_operators_reader().ok()?;
    for param in 0..params {
        match code.read().ok()? {
            Operator::LocalGet { local_index } if local_index == param => {}
            _ => return None,
        }
    }
    let Operator::I32Const { value } = code.read().ok()? else {
        return None;
    };
    match (code.read().ok()?, code.read().ok()?) {
        (
            Operator::CallIndirect {
                type_index,
                table_index: 0,
            },
            Operator::End,
        ) if type_index == ty && code.eof() => Some(value),
        _ => None,
    }
}

/// A function that does nothing but call through the table.
pub(super) struct Stub {
    /// The index of its type in the main module.
    pub ty: u32,
    pub params: u32,
    /// Its element in the shim's table.
    pub slot: i32,
}

/// The name by which the main module exports its table.
pub(super) const TABLE: &str = "$imports";

/// What is to be known of the main module to give it the functions of the shim.
pub(super) struct Main {
    /// The index of the shim's table, behind its own.
    pub table: u32,
    /// For each function that it imports, its index once the shim's are the first that it defines.
    pub functions: Vec<u32>,
    /// Those of the shim, in the order of their new indices.
    pub stubs: Vec<Stub>,
}

impl Main {
    /// `slots`: by module and name, the imports that are the shim's, and the elements that they call.
    pub fn of(module: &[u8], slots: &HashMap<(&str, &str), i32>) -> Option<Self> {
        let mut params = Vec::new();
        let (mut imported, mut tables) = (Vec::new(), 0);
        let mut changed = [false; 4];
        for section in sections(module) {
            match section.ok()? {
                Payload::TypeSection(section) => params = params_of(section)?,
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.ok()?;
                        match import.ty {
                            TypeRef::Func(ty) => {
                                let slot = slots.get(&(import.module, import.name));
                                imported.push((ty, slot.copied()));
                            }
                            TypeRef::Table(_) => tables += 1,
                            TypeRef::FuncExact(_) => return None,
                            TypeRef::Memory(_) | TypeRef::Global(_) | TypeRef::Tag(_) => {}
                        }
                    }
                }
                Payload::FunctionSection(_) => changed[0] = true,
                Payload::TableSection(section) => {
                    changed[1] = true;
                    tables += section.count();
                }
                Payload::ExportSection(exports) => {
                    changed[2] = true;
                    for export in exports {
                        if export.ok()?.name == TABLE {
                            return None;
                        }
                    }
                }
                // Hints about functions, by their index.
                Payload::CustomSection(section) if section.name().starts_with("metadata.") => {
                    return None;
                }
                Payload::CodeSectionStart { .. } => changed[3] = true,
                _ => {}
            }
        }
        // Something is added to each of these sections.
        if changed.contains(&false) {
            return None;
        }
        let staying = imported.iter().filter(|(_, slot)| slot.is_none()).count();
        let (mut staying, mut shimmed) = (0, u32::try_from(staying).ok()?);
        let (mut functions, mut stubs) = (Vec::new(), Vec::new());
        for (ty, slot) in imported {
            let next = match slot {
                None => &mut staying,
                Some(slot) => {
                    let params = (*params.get(ty as usize)?)?;
                    stubs.push(Stub { ty, params, slot });
                    &mut shimmed
                }
            };
            functions.push(*next);
            *next += 1;
        }
        Some(Self {
            table: tables,
            functions,
            stubs,
        })
    }
}
