//! Finds out what the modules of such a component do: each of these is None where it is anything else.

use std::collections::HashMap;

use wasmparser::{
    CompositeInnerType, ElementItems, ElementKind, ExternalKind, FunctionBody, Operator, Payload,
    RefType, Table, TableInit, TableSectionReader, TableType, TypeRef, TypeSectionReader,
};

use super::sections;

/// A module of functions that call through its table, and nothing else.
pub(super) struct Shim<'a> {
    /// By the names of its exports, the elements that they call.
    pub functions: HashMap<&'a str, u32>,
    /// The elements of its table.
    pub slots: u64,
}

impl<'a> Shim<'a> {
    pub fn of(module: &'a [u8]) -> Option<Self> {
        let (mut params, mut types, mut called) = (Vec::new(), Vec::new(), Vec::new());
        let (mut exported, mut slots) = (Vec::new(), None);
        for section in sections(module) {
            match section.ok()? {
                Payload::TypeSection(section) => params = params_of(section)?,
                Payload::FunctionSection(section) => {
                    types = section.into_iter().collect::<Result<_, _>>().ok()?;
                }
                Payload::TableSection(section) => {
                    slots = Some(only_table(section)?);
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
        let slots = slots?;
        let within = functions.values().all(|slot| u64::from(*slot) < slots);
        within.then_some(Self { functions, slots })
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
    let null = matches!(table.init, TableInit::RefNull);
    null.then(|| fixed_type(&table.ty)).flatten()
}

fn fixed_type(ty: &TableType) -> Option<u64> {
    let plain = ty.element_type == RefType::FUNCREF && !ty.table64 && !ty.shared;
    (plain && ty.maximum == Some(ty.initial)).then_some(ty.initial)
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
fn called_slot(body: &FunctionBody<'_>, ty: u32, params: u32) -> Option<u32> {
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
        ) if type_index == ty && code.eof() => u32::try_from(value).ok(),
        _ => None,
    }
}

/// Some where a module fills a table of so many elements from its beginning, and does nothing else but call a function
/// that it imports.
pub(super) fn fills(module: &[u8], slots: u64) -> Option<()> {
    let (mut tables, mut filled) = (0, 0);
    for section in sections(module) {
        match section.ok()? {
            Payload::TypeSection(_) | Payload::CustomSection(_) | Payload::StartSection { .. } => {}
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import.ok()?.ty {
                        TypeRef::Func(_) => {}
                        TypeRef::Table(ty) if fixed_type(&ty) == Some(slots) => tables += 1,
                        _ => return None,
                    }
                }
            }
            Payload::ElementSection(segments) => {
                for segment in segments {
                    let segment = segment.ok()?;
                    match (segment.kind, segment.items) {
                        (
                            ElementKind::Active {
                                table_index: None | Some(0),
                                offset_expr,
                            },
                            ElementItems::Functions(_),
                        ) => {
                            let mut code = offset_expr.get_operators_reader();
                            match (code.read().ok()?, code.read().ok()?) {
                                (Operator::I32Const { value: 0 }, Operator::End) => filled += 1,
                                _ => return None,
                            }
                        }
                        _ => return None,
                    }
                }
            }
            _ => return None,
        }
    }
    (tables == 1 && filled == 1).then_some(())
}

/// A function that does nothing but call through the table.
pub(super) struct Stub {
    /// The index of its type in the main module.
    pub ty: u32,
    pub params: u32,
    /// Its element in the shim's table.
    pub slot: u32,
}

/// The name by which the main module exports its table.
pub(super) const TABLE: &str = "$imports";

/// What is to be known of the main module to give it the functions of the shim.
pub(super) struct Main {
    /// The elements of its table.
    pub own_elements: u64,
    /// For each function that it imports, its index once the shim's are the first that it defines.
    pub functions: Vec<u32>,
    /// Those of the shim, in the order of their new indices.
    pub stubs: Vec<Stub>,
}

impl Main {
    /// `slots`: by module and name, the imports that are the shim's, and the elements that they call.
    pub fn of(module: &[u8], slots: &HashMap<(&str, &str), u32>) -> Option<Self> {
        let mut params = Vec::new();
        let (mut imported, mut own_elements) = (Vec::new(), None);
        let (mut has_functions, mut has_code, mut has_exports) = (false, false, false);
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
                            // The first table has to be its own.
                            TypeRef::Table(_) | TypeRef::FuncExact(_) => return None,
                            TypeRef::Memory(_) | TypeRef::Global(_) | TypeRef::Tag(_) => {}
                        }
                    }
                }
                Payload::TableSection(tables) => {
                    own_elements = fixed(&tables.into_iter().next()?.ok()?);
                }
                Payload::ExportSection(exports) => {
                    has_exports = true;
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
                Payload::FunctionSection(_) => has_functions = true,
                Payload::CodeSectionStart { .. } => has_code = true,
                _ => {}
            }
        }
        if !(has_functions && has_code && has_exports) {
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
            own_elements: own_elements?,
            functions,
            stubs,
        })
    }
}
