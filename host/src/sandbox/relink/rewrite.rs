//! Writes a component anew, with its shim linked in.

use wasm_encoder::reencode::{
    Error as ReencodeError, Reencode, ReencodeComponent, component_utils, utils,
};
use wasm_encoder::{
    CanonicalFunctionSection, CodeSection, Component, ComponentAliasSection, ComponentSectionId,
    ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, InstanceSection, Module, ModuleSection, RawSection,
    TableSection, TableType,
};
use wasmparser::{
    CodeSectionReader, ComponentAlias, ComponentAliasSectionReader, Element, ExportSectionReader,
    ExternalKind, FunctionSectionReader, ImportSectionReader, Instance, Parser, Payload, Table,
};

use super::modules::TABLE;
use super::sections;
use super::shape::Shape;

type Error = ReencodeError<OtherShape>;

/// Something refers to what is no more there.
#[derive(Debug)]
pub(super) struct OtherShape;

pub(super) fn component(bytes: &[u8], shape: &Shape) -> Result<Vec<u8>, Error> {
    let mut component = Component::new();
    let mut outside = Outside(shape);
    let mut modules = 0..;
    for section in sections(bytes) {
        match section? {
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                let bytes = bytes
                    .get(unchecked_range)
                    .ok_or(Error::InvalidCodeSectionSize)?;
                let module = module(bytes, modules.next(), shape)?;
                component.section(&ModuleSection(&module));
            }
            Payload::ComponentCanonicalSection(section) => {
                let mut functions = CanonicalFunctionSection::new();
                outside.parse_component_canonical_section(&mut functions, section)?;
                component.section(&functions);
            }
            Payload::ComponentAliasSection(section) => {
                let mut aliases = ComponentAliasSection::new();
                outside.parse_component_alias_section(&mut aliases, section)?;
                component.section(&aliases);
            }
            Payload::InstanceSection(section) => {
                let mut instances = InstanceSection::new();
                outside.parse_instance_section(&mut instances, section)?;
                component.section(&instances);
            }
            // Names for debuggers, by index.
            Payload::CustomSection(section) if section.name() == "component-name" => {}
            Payload::ComponentSection {
                unchecked_range, ..
            } => {
                let data = bytes
                    .get(unchecked_range)
                    .ok_or(Error::InvalidCodeSectionSize)?;
                let id = ComponentSectionId::Component.into();
                component.section(&RawSection { id, data });
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    let data = bytes.get(range).ok_or(Error::InvalidCodeSectionSize)?;
                    component.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(component.finish())
}

fn module(bytes: &[u8], index: Option<u32>, shape: &Shape) -> Result<Module, Error> {
    let mut module = Module::new();
    let parser = Parser::new(0);
    if index == Some(shape.main.module) {
        let mut main = Main { shape, tables: 0 };
        main.parse_core_module(&mut module, parser, bytes)?;
    } else if index == Some(shape.fixup.module) {
        Fixup(shape).parse_core_module(&mut module, parser, bytes)?;
    }
    // The shim is an empty module, of which there is no instance: so all others keep their indices.
    Ok(module)
}

/// What is around the modules.
struct Outside<'s>(&'s Shape);

impl Reencode for Outside<'_> {
    type Error = OtherShape;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let Self(shape) = self;
        if shape.shim_functions.contains(&function) {
            return Err(Error::UserError(OtherShape));
        }
        let gone = shape.shim_functions.range(..function).count();
        Ok(function - u32::try_from(gone).unwrap_or(0))
    }

    fn table_index(&mut self, table: u32) -> Result<u32, Error> {
        if table == self.0.shim_table {
            return Err(Error::UserError(OtherShape));
        }
        Ok(table)
    }
}

impl ReencodeComponent for Outside<'_> {
    fn parse_component_alias_section(
        &mut self,
        aliases: &mut ComponentAliasSection,
        section: ComponentAliasSectionReader<'_>,
    ) -> Result<(), Error> {
        for alias in section {
            let mut alias = alias?;
            if let ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } = &mut alias
                && *instance_index == self.0.shim.instance
            {
                if *kind != ExternalKind::Table {
                    continue;
                }
                *instance_index = self.0.main.instance;
                *name = TABLE;
            }
            aliases.alias(self.component_alias(alias)?);
        }
        Ok(())
    }

    fn parse_instance(
        &mut self,
        instances: &mut InstanceSection,
        instance: Instance<'_>,
    ) -> Result<(), Error> {
        match instance {
            Instance::Instantiate { module_index, .. } if module_index == self.0.shim.module => {
                instances.export_items([] as [(&str, ExportKind, u32); 0]);
            }
            Instance::Instantiate { .. } => {
                component_utils::parse_instance(self, instances, instance)?;
            }
            Instance::FromExports(exports) => {
                let mut staying = Vec::new();
                for export in exports {
                    let index = match export.kind {
                        ExternalKind::Func if self.0.shim_functions.contains(&export.index) => {
                            continue;
                        }
                        ExternalKind::Table => export.index,
                        kind => self.external_index(kind, export.index)?,
                    };
                    staying.push((export.name, self.export_kind(export.kind)?, index));
                }
                instances.export_items(staying);
            }
        }
        Ok(())
    }
}

/// The main module, with the functions of the shim and room for its table.
struct Main<'s> {
    shape: &'s Shape,
    tables: usize,
}

impl Reencode for Main<'_> {
    type Error = OtherShape;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let imported = self.shape.main_module.functions.get(function as usize);
        Ok(imported.copied().unwrap_or(function))
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        let staying = self.shape.main_module.functions.len() - self.shape.main_module.stubs.len();
        let mut functions = self.shape.main_module.functions.iter();
        for import in section.into_imports() {
            let import = import?;
            let ty = self.entity_type(import.ty)?;
            let stays = match ty {
                EntityType::Function(_) => functions
                    .next()
                    .is_some_and(|index| (*index as usize) < staying),
                _ => true,
            };
            if stays {
                imports.import(import.module, import.name, ty);
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        for stub in &self.shape.main_module.stubs {
            functions.function(stub.ty);
        }
        utils::parse_function_section(self, functions, section)
    }

    fn parse_table(&mut self, tables: &mut TableSection, table: Table<'_>) -> Result<(), Error> {
        if self.tables == 0 {
            tables.table(enlarged(self.shape));
        } else {
            utils::parse_table(self, tables, table)?;
        }
        self.tables += 1;
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_export_section(self, exports, section)?;
        exports.export(TABLE, ExportKind::Table, 0);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        for stub in &self.shape.main_module.stubs {
            let mut function = Function::new([]);
            let mut instructions = function.instructions();
            for param in 0..stub.params {
                instructions.local_get(param);
            }
            let element = element(self.shape, stub.slot)?;
            instructions
                .i32_const(element)
                .call_indirect(0, stub.ty)
                .end();
            code.function(&function);
        }
        utils::parse_code_section(self, code, section)
    }
}

/// The module that fills the table.
struct Fixup<'s>(&'s Shape);

impl Reencode for Fixup<'_> {
    type Error = OtherShape;

    fn entity_type(&mut self, ty: wasmparser::TypeRef) -> Result<EntityType, Error> {
        match ty {
            wasmparser::TypeRef::Table(_) => Ok(EntityType::Table(enlarged(self.0))),
            other => utils::entity_type(self, other),
        }
    }

    fn parse_element(
        &mut self,
        elements: &mut ElementSection,
        element: Element<'_>,
    ) -> Result<(), Error> {
        let functions: Elements<'_> = self.element_items(element.items)?;
        let offset = self::element(self.0, 0)?;
        elements.active(None, &ConstExpr::i32_const(offset), functions);
        Ok(())
    }
}

fn enlarged(shape: &Shape) -> TableType {
    let elements = shape.main_module.own_elements + shape.slots;
    TableType {
        element_type: wasm_encoder::RefType::FUNCREF,
        table64: false,
        minimum: elements,
        maximum: Some(elements),
        shared: false,
    }
}

/// Where an element of the shim's table is in that of the main module.
fn element(shape: &Shape, slot: u32) -> Result<i32, Error> {
    let element = shape.main_module.own_elements + u64::from(slot);
    i32::try_from(element).map_err(|_| Error::UserError(OtherShape))
}
