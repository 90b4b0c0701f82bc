//! Writes the component with its shim linked into its main module.

use std::fmt;

use anyhow::Result;
use wasm_encoder::reencode::{
    Error as ReencodeError, Reencode, ReencodeComponent, component_utils, utils,
};
use wasm_encoder::{
    CodeSection, Component, ComponentAliasSection, ComponentSectionId, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, ImportSection, InstanceSection, Module,
    ModuleSection, NameMap, NameSection, RawSection, RefType, TableSection, TableType,
};
use wasmparser::{
    CodeSectionReader, ComponentAlias, ComponentAliasSectionReader, CustomSectionReader,
    ExportSectionReader, ExternalKind, FunctionSectionReader, ImportSectionReader, Instance, Name,
    Parser, TableSectionReader,
};

use super::main_module::{MainModule, TABLE};
use super::plan::Plan;

/// Rewrites a component as planned.
///
/// # Errors
///
/// The component uses a function of the shim for something else than an import of the main module.
pub fn component(bytes: &[u8], plan: &Plan) -> Result<Vec<u8>> {
    let mut component = Component::new();
    let mut writer = ComponentWriter { plan, modules: 0 };
    match writer.parse_component(&mut component, Parser::new(0), bytes) {
        Ok(()) => Ok(component.finish()),
        // Its message is also that of the error around it.
        Err(Error::UserError(used)) => Err(used.into()),
        Err(other) => Err(other.into()),
    }
}

type Error = ReencodeError<ShimFunctionUsed>;

/// The component uses a function of the shim that no longer exists.
#[derive(Debug)]
struct ShimFunctionUsed;

impl fmt::Display for ShimFunctionUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not only the main module uses the functions of the shim")
    }
}

impl std::error::Error for ShimFunctionUsed {}

/// Writes the component around the modules.
struct ComponentWriter<'p> {
    plan: &'p Plan,
    /// The number of modules written so far.
    modules: u32,
}

impl Reencode for ComponentWriter<'_> {
    type Error = ShimFunctionUsed;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let removed = &self.plan.shim_functions;
        if removed.contains(&function) {
            return Err(Error::UserError(ShimFunctionUsed));
        }
        let removed_before = (0u32..).zip(removed.range(..function)).last();
        Ok(function - removed_before.map_or(0, |(index, _)| index + 1))
    }
}

impl ReencodeComponent for ComponentWriter<'_> {
    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        parser: Parser,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let index = self.modules;
        self.modules += 1;
        let mut module = Module::new();
        if index == self.plan.main.module {
            MainWriter {
                main: &self.plan.main_module,
                table_length: self.plan.table_length,
            }
            .parse_core_module(&mut module, parser, bytes)?;
            component.section(&ModuleSection(&module));
        } else if index == self.plan.shim.module {
            component.section(&ModuleSection(&module));
        } else {
            let id = ComponentSectionId::CoreModule.into();
            component.section(&RawSection { id, data: bytes });
        }
        Ok(())
    }

    fn parse_component_subcomponent(
        &mut self,
        component: &mut Component,
        _parser: Parser,
        bytes: &[u8],
        _whole_component: &[u8],
    ) -> Result<(), Error> {
        // A nested component has index spaces of its own.
        let id = ComponentSectionId::Component.into();
        component.section(&RawSection { id, data: bytes });
        Ok(())
    }

    fn parse_component_custom_section(
        &mut self,
        component: &mut Component,
        section: CustomSectionReader<'_>,
    ) -> Result<(), Error> {
        // The names of items that no longer exist would be wrong, and only debuggers use them.
        if section.name() != "component-name" {
            component.section(&self.custom_section(section)?);
        }
        Ok(())
    }

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
                && *instance_index == self.plan.shim.instance
            {
                if *kind != ExternalKind::Table {
                    continue;
                }
                *instance_index = self.plan.main.instance;
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
        let shim_functions = &self.plan.shim_functions;
        let instance = match instance {
            Instance::Instantiate { module_index, .. } if module_index == self.plan.shim.module => {
                Instance::FromExports(Box::default())
            }
            Instance::FromExports(exports) => Instance::FromExports(
                exports
                    .into_iter()
                    .filter(|export| {
                        export.kind != ExternalKind::Func || !shim_functions.contains(&export.index)
                    })
                    .collect(),
            ),
            other => other,
        };
        component_utils::parse_instance(self, instances, instance)
    }
}

/// Writes the main module with the functions and the table of the shim.
struct MainWriter<'p> {
    main: &'p MainModule,
    table_length: u64,
}

impl Reencode for MainWriter<'_> {
    type Error = ShimFunctionUsed;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let imported = self.main.functions.get(function as usize);
        Ok(imported.copied().unwrap_or(function))
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        let remaining = self.main.functions.len() - self.main.stubs.len();
        let mut functions = self.main.functions.iter();
        for import in section.into_imports() {
            let import = import?;
            let ty = self.entity_type(import.ty)?;
            let remains = match ty {
                EntityType::Function(_) => functions
                    .next()
                    .is_some_and(|index| (*index as usize) < remaining),
                _ => true,
            };
            if remains {
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
        for stub in &self.main.stubs {
            functions.function(stub.function_type);
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
            minimum: self.table_length,
            maximum: Some(self.table_length),
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
        exports.export(TABLE, ExportKind::Table, self.main.table);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        for stub in &self.main.stubs {
            let mut function = Function::new([]);
            let mut instructions = function.instructions();
            for parameter in 0..stub.parameters {
                instructions.local_get(parameter);
            }
            instructions
                .i32_const(stub.slot)
                .call_indirect(self.main.table, stub.function_type)
                .end();
            code.function(&function);
        }
        utils::parse_code_section(self, code, section)
    }

    fn parse_custom_name_subsection(
        &mut self,
        names: &mut NameSection,
        section: Name<'_>,
    ) -> Result<(), Error> {
        let Name::Function(functions) = section else {
            return utils::parse_custom_name_subsection(self, names, section);
        };
        let mut renumbered = Vec::new();
        for function in functions {
            let function = function?;
            renumbered.push((self.function_index(function.index)?, function.name));
        }
        // The names must stand in the order of their indices, which differs from that of the imports.
        renumbered.sort_unstable();
        let mut map = NameMap::new();
        for (index, name) in renumbered {
            map.append(index, name);
        }
        names.functions(&map);
        Ok(())
    }
}
