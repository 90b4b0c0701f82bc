//! The functions that a component imports and that belljar does not provide.
//!
//! A component with an unknown interface is compiled first: then wasmtime knows what the interface contains.

use std::fmt;

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::wasi::other_hosts::why_not;

/// An import that belljar does not provide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingImport {
    /// The interface with its package and version, or the name of an item that is imported without an interface.
    pub name: String,
    /// The functions of the interface; without functions, its resources. Empty for an item without an interface.
    pub items: Vec<String>,
}

/// The imports with functions or resources for which `provides` does not hold.
pub(super) fn missing_imports(
    component: &Component,
    provides: impl Fn(&str) -> bool,
) -> Vec<MissingImport> {
    let (engine, ty) = (component.engine(), component.component_type());
    let imports = ty.imports(engine);
    let missing = imports.filter(|(name, _)| !provides(name));
    let missing = missing.filter_map(|(name, import)| {
        let items = match import.ty {
            ComponentItem::Type(_) => return None,
            ComponentItem::ComponentInstance(interface) => {
                let of_kind = |wanted: fn(&ComponentItem) -> bool| -> Vec<String> {
                    let items = interface.exports(engine);
                    let items = items.filter(|(_, item)| wanted(&item.ty));
                    items.map(|(name, _)| name.to_owned()).collect()
                };
                let functions = of_kind(|item| matches!(item, ComponentItem::ComponentFunc(_)));
                let items = match functions.is_empty() {
                    true => of_kind(|item| !matches!(item, ComponentItem::Type(_))),
                    false => functions,
                };
                // It has only types.
                if items.is_empty() {
                    return None;
                }
                items
            }
            _ => Vec::new(),
        };
        let name = name.to_owned();
        Some(MissingImport { name, items })
    });
    missing.collect()
}

impl MissingImport {
    /// The function that wasmtime does not find in an interface that belljar provides, if `error` is about one. wasmtime
    /// names only the first, and has no type for this error.
    pub(super) fn of_link_error(error: &wasmtime::Error) -> Option<Self> {
        let mut causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        if !causes.pop()?.ends_with(" implementation is missing") {
            return None;
        }
        let mut quoted = causes.iter().filter_map(|cause| cause.split('`').nth(1));
        let name = quoted.next()?.to_owned();
        let items = quoted.map(str::to_owned).collect();
        Some(Self { name, items })
    }
}

impl fmt::Display for MissingImport {
    /// `acme:db/sql@1.0.0 (query, statement.run)`, and for known interfaces of other hosts the reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let shown = self.items.iter().take(MOST_SHOWN);
        for (position, item) in shown.enumerate() {
            // Methods are written as `[method]statement.run`.
            let item = item.split_once(']').map_or(&**item, |(_, name)| name);
            f.write_str(if position == 0 { " (" } else { ", " })?;
            f.write_str(item)?;
        }
        if let Some(more @ 1..) = self.items.len().checked_sub(MOST_SHOWN) {
            write!(f, " and {more} more")?;
        }
        match (self.items.is_empty(), why_not(&self.name)) {
            (true, None) => Ok(()),
            (false, None) => f.write_str(")"),
            (true, Some(reason)) => write!(f, " ({reason})"),
            (false, Some(reason)) => write!(f, "; {reason})"),
        }
    }
}

/// The most functions of an interface that a message names.
const MOST_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_missing_functions() {
        let import = |items: &[&str]| MissingImport {
            name: "acme:db/sql@1.0.0".into(),
            items: items.iter().map(|&item| item.into()).collect(),
        };
        for (items, expected) in [
            (&[][..], "acme:db/sql@1.0.0"),
            (&["query"], "acme:db/sql@1.0.0 (query)"),
            (
                &["query", "[method]statement.run", "[constructor]statement"],
                "acme:db/sql@1.0.0 (query, statement.run, statement)",
            ),
            (
                &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
                "acme:db/sql@1.0.0 (a, b, c, d, e, f, g, h and 2 more)",
            ),
        ] {
            assert_eq!(import(items).to_string(), expected);
        }
        let import = MissingImport {
            name: "fermyon:spin/llm@2.0.0".into(),
            items: vec!["infer".into()],
        };
        let shown = import.to_string();
        assert!(
            shown.starts_with("fermyon:spin/llm@2.0.0 (infer; belljar runs no language models"),
            "{shown}"
        );
    }
}
