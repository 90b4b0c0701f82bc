//! The shim: a module whose functions only call through its table.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{
    ExternalKind, FunctionBody, Operator, Payload, RefType, Table, TableInit, TableSectionReader,
};

use super::function_types::parameter_counts;
use super::sections::sections;

pub struct Shim<'a> {
    /// The slot of the table that each function calls, by the name of its export.
    pub slots: HashMap<&'a str, i32>,
    /// The length of the table.
    pub table_length: u64,
}

impl<'a> Shim<'a> {
    /// # Errors
    ///
    /// The module contains anything else than a fixed table, and functions that pass their parameters to one of its slots.
    pub fn of(module: &'a [u8]) -> Result<Self> {
        let (mut parameters, mut types, mut called) = (Vec::new(), Vec::new(), Vec::new());
        let (mut exports, mut table_length) = (Vec::new(), None);
        for section in sections(module) {
            match section? {
                Payload::TypeSection(section) => parameters = parameter_counts(section)?,
                Payload::FunctionSection(section) => {
                    types = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::TableSection(section) => table_length = Some(only_table(section)?),
                Payload::ExportSection(section) => {
                    exports = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::CodeSectionStart { .. } | Payload::CustomSection(_) => {}
                Payload::CodeSectionEntry(body) => {
                    let ty: u32 = types[called.len()];
                    let count = parameters[ty as usize].context("a function has no type")?;
                    called.push(called_slot(&body, ty, count)?);
                }
                _ => bail!("the shim has more than functions and a table"),
            }
        }
        let functions = exports
            .iter()
            .filter(|export| export.kind == ExternalKind::Func);
        Ok(Self {
            slots: functions
                .map(|export| (export.name, called[export.index as usize]))
                .collect(),
            table_length: table_length.context("the shim has no table")?,
        })
    }
}

fn only_table(section: TableSectionReader<'_>) -> Result<u64> {
    ensure!(section.count() == 1, "the shim has more than one table");
    let mut tables = section.into_iter();
    let table = tables.next().context("the shim has no table")??;
    fixed_length(&table).context("the shim's table can grow, or has other elements than functions")
}

/// The length of a table of functions that cannot grow and that is empty at first. `None` for other tables.
fn fixed_length(table: &Table<'_>) -> Option<u64> {
    let ty = &table.ty;
    let plain = ty.element_type == RefType::FUNCREF && !ty.table64 && !ty.shared;
    let empty = matches!(table.init, TableInit::RefNull);
    (plain && empty && ty.maximum == Some(ty.initial)).then_some(ty.initial)
}

/// The slot that a function passes its parameters to.
fn called_slot(body: &FunctionBody<'_>, function_type: u32, parameters: u32) -> Result<i32> {
    let mut code = body.get_operators_reader()?;
    let mut operators = Vec::new();
    while !code.eof() {
        operators.push(code.read()?);
    }
    let (loads, call) = operators
        .split_at_checked(parameters as usize)
        .context(OTHER_CODE)?;
    let in_order = (0..).zip(loads).all(|(parameter, load)| {
        matches!(load, Operator::LocalGet { local_index } if *local_index == parameter)
    });
    match call {
        [
            Operator::I32Const { value },
            Operator::CallIndirect {
                type_index,
                table_index: 0,
            },
            Operator::End,
        ] if in_order && *type_index == function_type => Ok(*value),
        _ => bail!(OTHER_CODE),
    }
}

const OTHER_CODE: &str = "a function of the shim does not only call through the table";
