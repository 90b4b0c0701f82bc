//! The types at the top level of a component, as far as they tell which imported interfaces have only types.
//!
//! Such an interface needs no provider. The parser follows types inside types by recursion and without a limit, so a
//! section is only parsed if it cannot be deep or large. After a section that is not parsed, every interface counts as one
//! that needs a provider.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType,
    ComponentTypeRef, ComponentTypeSectionReader, InstanceTypeDeclaration, TypeBounds,
};

/// Which of the types so far are interfaces that have only types.
#[derive(Debug, Default)]
pub(super) struct ImportTypes {
    /// One for each type, by its index.
    has_only_types: Vec<bool>,
    /// Whether indexes are unknown from here on.
    is_lost: bool,
}

impl ImportTypes {
    /// Adds the types of a section, of which `bytes` is the content.
    pub fn section(&mut self, types: ComponentTypeSectionReader<'_>, bytes: &[u8]) {
        // Every level begins with one of these bytes, which are rare otherwise: names are in lower case.
        let levels = bytes.iter().filter(|byte| matches!(byte, 0x41 | 0x42));
        if bytes.len() > MAX_SECTION || levels.count() > MAX_LEVELS {
            self.is_lost = true;
            return;
        }
        for ty in types {
            match ty {
                Ok(ComponentType::Instance(items)) => self.add(items.iter().all(is_type)),
                Ok(_) => self.add(false),
                // The compiler reports it.
                Err(_) => self.is_lost = true,
            }
        }
    }

    pub fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Type,
                ..
            }
            | ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::Type,
                ..
            } => self.add(false),
            _ => {}
        }
    }

    pub fn export(&mut self, kind: ComponentExternalKind) {
        if kind == ComponentExternalKind::Type {
            self.add(false);
        }
    }

    /// Takes an import. Returns whether it is an interface that has only types.
    pub fn import(&mut self, ty: ComponentTypeRef) -> bool {
        match ty {
            ComponentTypeRef::Type(_) => self.add(false),
            ComponentTypeRef::Instance(index) if !self.is_lost => {
                let known = self.has_only_types.get(index as usize);
                return known.copied().unwrap_or_default();
            }
            _ => {}
        }
        false
    }

    fn add(&mut self, has_only_types: bool) {
        if self.has_only_types.len() == MAX_TYPES {
            self.is_lost = true;
        }
        if !self.is_lost {
            self.has_only_types.push(has_only_types);
        }
    }
}

/// Whether a part of an interface needs no provider. A resource needs one.
fn is_type(item: &InstanceTypeDeclaration<'_>) -> bool {
    match item {
        InstanceTypeDeclaration::Export { ty, .. } => {
            matches!(ty, ComponentTypeRef::Type(TypeBounds::Eq(_)))
        }
        _ => true,
    }
}

/// The most types of a component. A Python component has about 200.
const MAX_TYPES: usize = 10_000;

/// The most bytes of a section that is parsed. The largest of WASI has 2 KB.
const MAX_SECTION: usize = 256 << 10;

/// The most levels of types inside types. A valid component has at most 100.
const MAX_LEVELS: usize = 200;
