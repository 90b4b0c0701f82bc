//! The imports and exports of a component, read from its binary without compiling it.

use wasmparser::{ComponentTypeRef, Parser, Payload, TypeBounds};

/// The names that a component imports and exports at its top level.
#[derive(Debug, Default)]
pub(crate) struct ImportsAndExports {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

impl ImportsAndExports {
    /// # Errors
    ///
    /// If the bytes are not WebAssembly, or are cut short. Whether they are a valid component is not checked here.
    pub fn of(bytes: &[u8]) -> wasmparser::Result<Self> {
        let mut found = Self::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        let import = import?;
                        // The alias of a type that another import defines needs no provider.
                        if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                            found.imports.push(import.name.name.to_owned());
                        }
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        found.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Whether the component needs the async ABI of WASI 0.3. belljar's own contract and WASI 0.2 do without.
    pub fn is_concurrent(&self) -> bool {
        let mut names = self.imports.iter().chain(&self.exports);
        names.any(|name| name.starts_with("wasi:") && name.contains("@0.3."))
    }
}
