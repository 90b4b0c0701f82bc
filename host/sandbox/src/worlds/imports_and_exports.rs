//! The imports and exports of a component, read from its binary without compiling it.

use wasmparser::{Chunk, ComponentTypeRef, Parser, Payload, TypeBounds};

use super::import_types::ImportTypes;

/// The names that a component imports and exports at its top level.
#[derive(Debug, Default)]
pub(crate) struct ImportsAndExports {
    pub imports: Vec<String>,
    /// Imported interfaces that have only types, and so need no provider.
    pub types: Vec<String>,
    pub exports: Vec<String>,
}

impl ImportsAndExports {
    /// Reads the sections of the top level. Modules and components inside are skipped, so the time goes by the number of
    /// sections and names, not by the size of the code.
    ///
    /// # Errors
    ///
    /// If the bytes are not WebAssembly, are cut short, or have too many names. Whether they are a valid component is not
    /// checked here.
    pub fn of(bytes: &[u8]) -> wasmtime::Result<Self> {
        let mut found = Self::default();
        let mut types = ImportTypes::default();
        let mut parser = Parser::new(0);
        let mut rest = bytes;
        loop {
            let (consumed, payload) = match parser.parse(rest, true)? {
                Chunk::Parsed { consumed, payload } => (consumed, payload),
                Chunk::NeedMoreData(_) => return Err(cut_short()),
            };
            let mut skipped = 0;
            match payload {
                Payload::ModuleSection {
                    unchecked_range, ..
                }
                | Payload::ComponentSection {
                    unchecked_range, ..
                } => skipped = unchecked_range.len(),
                Payload::ComponentImportSection(imports) => {
                    for import in imports {
                        let import = import?;
                        if types.import(import.ty) {
                            found.types.push(import.name.name.to_owned());
                            found.check_count()?;
                            continue;
                        }
                        // The alias of a type that another import defines needs no provider.
                        if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                            found.imports.push(import.name.name.to_owned());
                            found.check_count()?;
                        }
                    }
                }
                Payload::ComponentExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        types.export(export.kind);
                        found.exports.push(export.name.name.to_owned());
                        found.check_count()?;
                    }
                }
                Payload::ComponentTypeSection(section) => {
                    let content = rest.get(..consumed).unwrap_or_default();
                    types.section(section, content);
                }
                Payload::ComponentAliasSection(aliases) => {
                    for alias in aliases {
                        types.alias(&alias?);
                    }
                }
                Payload::End(_) => return Ok(found),
                _ => {}
            }
            let after = rest.get(consumed..).and_then(|rest| rest.get(skipped..));
            rest = after.ok_or_else(cut_short)?;
        }
    }

    /// Whether the component needs the async ABI of WASI 0.3. belljar's own contract and WASI 0.2 do without.
    pub fn is_concurrent(&self) -> bool {
        let imports = self.imports.iter().chain(&self.types);
        let mut names = imports.chain(&self.exports);
        names.any(|name| {
            name.starts_with("wasi:") && name.contains("@0.3.") || SPIN.contains(&name.as_str())
        })
    }

    fn check_count(&self) -> wasmtime::Result<()> {
        wasmtime::ensure!(
            self.imports.len() + self.types.len() + self.exports.len() <= MAX_NAMES,
            "it has more than {MAX_NAMES} imports and exports"
        );
        Ok(())
    }
}

fn cut_short() -> wasmtime::Error {
    wasmtime::format_err!("unexpected end-of-file")
}

/// Interfaces of Spin with asynchronous functions.
const SPIN: [&str; 2] = [
    "spin:key-value/key-value@3.0.0",
    "spin:variables/variables@3.0.0",
];

/// The most imports and exports of a component. A Python component has about 40.
const MAX_NAMES: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ImportsAndExports {
        ImportsAndExports::of(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn tells_interfaces_of_types_from_others() {
        let found = read(
            r#"(component
                (import "a:b/types" (instance $types
                    (type $record (record (field "x" u32)))
                    (export "point" (type (eq $record)))))
                (alias export $types "point" (type $point))
                (import "point" (type $same (eq $point)))
                (type $own (enum "a" "b"))
                (export $exported "own" (type $own))
                (import "a:b/functions" (instance
                    (alias outer 1 $exported (type $own))
                    (export "own" (type (eq $own)))
                    (export "call" (func))))
                (import "a:b/resources" (instance (export "one" (type (sub resource)))))
                (import "a:b/more-types" (instance
                    (alias outer 1 $same (type $same))
                    (export "same" (type (eq $same)))))
                (import "a:b/empty" (instance))
                (import "call" (func)))"#,
        );
        assert_eq!(found.types, ["a:b/types", "a:b/more-types", "a:b/empty"]);
        assert_eq!(found.imports, ["a:b/functions", "a:b/resources", "call"]);
        assert_eq!(found.exports, ["own"]);
    }

    #[test]
    fn follows_no_types_that_are_deep() {
        // An instance type within an instance type, and so on: the parser would follow them all.
        let mut deep = [0x42, 0x01, 0x01].repeat(100_000);
        deep.extend([0x42, 0x00]);
        let mut section = vec![0x01];
        section.append(&mut deep);
        let mut bytes = b"\0asm\x0d\0\x01\0\x07".to_vec();
        let mut length = section.len();
        while length >= 0x80 {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.append(&mut section);
        // An import of the first type.
        bytes.extend(b"\x0a\x06\x01\x00\x01a\x05\x00");
        let found = ImportsAndExports::of(&bytes).unwrap();
        assert_eq!(
            (found.types.len(), &*found.imports),
            (0, &["a".to_owned()][..])
        );
    }
}
