//! Finds out whether a component is built as wit-component builds them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentTypeRef, CompositeInnerType, ElementItems, ElementKind, Export, ExternalKind,
    FunctionBody, Instance, InstantiationArg, Operator, Payload, RefType, Table, TableInit,
    TableType, TypeRef, TypeSectionReader,
};

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
    /// Elements of the main module's table, to which the shim's are added.
    pub own_elements: u64,
    /// For each function that the main module imports, its index once the shim's are the first that it defines.
    pub functions: Vec<u32>,
    /// Those of the shim, in the order of their new indices.
    pub stubs: Vec<Stub>,
}

/// A module, and its one instance.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub module: u32,
    pub instance: u32,
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
        if with_table.count() != 1 || !by_fixup || !fills_whole_table(fixup_bytes?, table.slots) {
            return None;
        }
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
            own_elements: main_module.own_elements,
            functions: main_module.functions,
            stubs: main_module.stubs,
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

/// A module of functions that call through its table, and nothing else.
struct Shim<'a> {
    /// By the names of its exports, the elements that they call.
    functions: HashMap<&'a str, u32>,
    slots: u64,
}

impl<'a> Shim<'a> {
    fn of(module: &'a [u8]) -> Option<Self> {
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

fn only_table(section: wasmparser::TableSectionReader<'_>) -> Option<u64> {
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

/// Whether a module fills a table of so many elements from its beginning, and does nothing else but call a function
/// that it imports.
fn fills_whole_table(module: &[u8], slots: u64) -> bool {
    fills(module, slots).is_some()
}

fn fills(module: &[u8], slots: u64) -> Option<()> {
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

/// What is to be known of the main module.
struct Main {
    own_elements: u64,
    functions: Vec<u32>,
    stubs: Vec<Stub>,
}

impl Main {
    /// `slots`: by module and name, the imports that are the shim's, and the elements that they call.
    fn of(module: &[u8], slots: &HashMap<(&str, &str), u32>) -> Option<Self> {
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
