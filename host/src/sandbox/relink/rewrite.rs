//! Writes a component anew, with its shim linked in.

use wasm_encoder::reencode::{
    Error as ReencodeError, Reencode, ReencodeComponent, component_utils, utils,
};
use wasm_encoder::{
    CanonicalFunctionSection, CodeSection, Component, ComponentAliasSection, ComponentSectionId,
    EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    InstanceSection, Module, ModuleSection, RawSection, RefType, TableSection, TableType,
};
use wasmparser::{
    CodeSectionReader, ComponentAlias, ComponentAliasSectionReader, ExportSectionReader,
    ExternalKind, FunctionSectionReader, ImportSectionReader, Instance, Parser, Payload,
    TableSectionReader,
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
                let index = modules.next();
                let mut module = Module::new();
                if index == Some(shape.main.module) {
                    Main(shape).parse_core_module(&mut module, Parser::new(0), bytes)?;
                    component.section(&ModuleSection(&module));
                } else if index == Some(shape.shim.module) {
                    // Empty, and without an instance: so all others keep their indices.
                    component.section(&ModuleSection(&module));
                } else {
                    let id = ComponentSectionId::CoreModule.into();
                    component.section(&RawSection { id, data: bytes });
                }
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

/// The main module, with the functions and the table of the shim.
struct Main<'s>(&'s Shape);

impl Reencode for Main<'_> {
    type Error = OtherShape;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let imported = self.0.main_module.functions.get(function as usize);
        Ok(imported.copied().unwrap_or(function))
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        let staying = self.0.main_module.functions.len() - self.0.main_module.stubs.len();
        let mut functions = self.0.main_module.functions.iter();
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
        for stub in &self.0.main_module.stubs {
            functions.function(stub.ty);
        }
        utils::parse_function_section(self, functions, section)
    }

    fn parse_table_section(
        &mut self,
        tables: &mut TableSection,
        section: TableSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_table_section(self, tables, section)?;
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: self.0.elements,
            maximum: Some(self.0.elements),
            shared: false,
        });
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_export_section(self, exports, section)?;
        exports.export(TABLE, ExportKind::Table, self.0.main_module.table);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        for stub in &self.0.main_module.stubs {
            let mut function = Function::new([]);
            let mut instructions = function.instructions();
            for param in 0..stub.params {
                instructions.local_get(param);
            }
            instructions
                .i32_const(stub.slot)
                .call_indirect(self.0.main_module.table, stub.ty)
                .end();
            code.function(&function);
        }
        utils::parse_code_section(self, code, section)
    }
}
