//! The names that a component imports and exports, or why the bytes are not a component.

use super::load_error::LoadError;
use crate::worlds::ImportsAndExports;

/// The imports and exports of a component.
///
/// # Errors
///
/// If the bytes are not a component's.
pub(super) fn imports_and_exports(bytes: &[u8]) -> Result<ImportsAndExports, LoadError> {
    // Component Model, binary format: the preamble has a magic number, a version and a layer.
    match bytes.first_chunk() {
        Some([b'\0', b'a', b's', b'm', _, _, 0, 0]) => Err(LoadError::CoreModule),
        Some([b'\0', b'a', b's', b'm', ..]) => {
            ImportsAndExports::of(bytes).map_err(LoadError::NotAComponent)
        }
        // The text format is not accepted: a handler is a built component.
        _ => Err(LoadError::NotAComponent(wasmtime::format_err!(
            "its first bytes are not those of WebAssembly"
        ))),
    }
}
