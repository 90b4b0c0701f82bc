//! Recognizes components of componentize-js that answer `fetch` events: an instance answers only one.
//!
//! Their engine, StarlingMonkey, has one event for the life of an instance, and does not reset it
//! (<https://github.com/bytecodealliance/StarlingMonkey/issues/247>). In a second request `respondWith` fails.

use wasmparser::{Chunk, ExportSectionReader, Parser, Payload};

/// Whether an instance of the component answers only one request, because it gets requests as `fetch` events.
pub(super) fn answers_once(component: &[u8]) -> bool {
    component_answers_once(component).unwrap_or_default()
}

/// None if the bytes are not a component, which others report.
fn component_answers_once(component: &[u8]) -> Option<bool> {
    let mut parser = Parser::new(0);
    let mut rest = component;
    loop {
        let (consumed, payload) = next(&mut parser, rest)?;
        let mut skipped = 0;
        match payload {
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                skipped = unchecked_range.len();
                let module = rest.get(consumed..)?.get(..skipped)?;
                if has_fetch_events(module) == Some(true) {
                    return Some(true);
                }
            }
            Payload::ComponentSection {
                unchecked_range, ..
            } => skipped = unchecked_range.len(),
            Payload::End(_) => return Some(false),
            _ => {}
        }
        rest = rest.get(consumed..)?.get(skipped..)?;
    }
}

/// Whether a core module is the engine, and handles requests itself. Only the headers of its sections are read, and its
/// exports.
fn has_fetch_events(module: &[u8]) -> Option<bool> {
    let mut parser = Parser::new(0);
    let mut rest = module;
    loop {
        let (consumed, payload) = next(&mut parser, rest)?;
        match payload {
            Payload::ExportSection(exports) => return is_engine(exports),
            // The export section comes before the code.
            Payload::CodeSectionStart { .. } | Payload::End(_) => return Some(false),
            _ => {}
        }
        rest = rest.get(consumed..)?;
    }
}

/// componentize-js appends the functions that the script exports to the exports of the engine, of which `check_init` is
/// the last. If the script itself exports `incomingHandler`, that function replaces the engine's.
fn is_engine(exports: ExportSectionReader<'_>) -> Option<bool> {
    let mut handles_requests = false;
    for export in exports {
        let name = export.ok()?.name;
        handles_requests |= name.starts_with("wasi:http/incoming-handler@0.2.");
        if name == "check_init" {
            return Some(handles_requests);
        }
    }
    Some(false)
}

fn next<'b>(parser: &mut Parser, bytes: &'b [u8]) -> Option<(usize, Payload<'b>)> {
    match parser.parse(bytes, true).ok()? {
        Chunk::Parsed { consumed, payload } => Some((consumed, payload)),
        Chunk::NeedMoreData(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with these exports in its second core module.
    fn component(exports: &[&str]) -> Vec<u8> {
        let exports: String = exports
            .iter()
            .map(|name| format!("(export \"{name}\" (func 0))"))
            .collect();
        let text = format!(
            "(component
               (core module (func) (export \"check_init\" (func 0)))
               (component)
               (core module (memory 1) (func) {exports} (data (i32.const 0) \"x\")))"
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn recognizes_the_engine_by_its_own_handler() {
        let handle = "wasi:http/incoming-handler@0.2.10#handle";
        for (exports, expected) in [
            (&["cabi_realloc", handle, "call", "check_init"][..], true),
            (&[handle, "check_init", "handle"], true),
            (&["call", "check_init", handle], false),
            (&["check_init"], false),
            (&[handle], false),
            (&[], false),
        ] {
            assert_eq!(answers_once(&component(exports)), expected, "{exports:?}");
        }
    }

    #[test]
    fn takes_other_bytes_for_other_components() {
        let whole = component(&["wasi:http/incoming-handler@0.2.10#handle", "check_init"]);
        for end in 0..whole.len() {
            answers_once(&whole[..end]);
        }
        for bytes in [&b""[..], b"\0asm\x01\0\0\0", b"no component"] {
            assert!(!answers_once(bytes), "{bytes:?}");
        }
    }
}
