//! The imports and exports of a component, read from its binary without compiling it.

use wasmparser::{Chunk, ComponentTypeRef, Parser, Payload, TypeBounds};

/// The names that a component imports and exports at its top level.
#[derive(Debug, Default)]
pub(crate) struct ImportsAndExports {
    pub imports: Vec<String>,
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
                        // The alias of a type that another import defines needs no provider.
                        if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                            found.imports.push(import.name.name.to_owned());
                            found.check_count()?;
                        }
                    }
                }
                Payload::ComponentExportSection(exports) => {
                    for export in exports {
                        found.exports.push(export?.name.name.to_owned());
                        found.check_count()?;
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
        let mut names = self.imports.iter().chain(&self.exports);
        names.any(|name| name.starts_with("wasi:") && name.contains("@0.3."))
    }

    fn check_count(&self) -> wasmtime::Result<()> {
        wasmtime::ensure!(
            self.imports.len() + self.exports.len() <= MAX_NAMES,
            "it has more than {MAX_NAMES} imports and exports"
        );
        Ok(())
    }
}

fn cut_short() -> wasmtime::Error {
    wasmtime::format_err!("unexpected end-of-file")
}

/// The most imports and exports of a component. A Python component has about 40.
const MAX_NAMES: usize = 1_000;
