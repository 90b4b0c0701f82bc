//! Reads the sections of a component or module.

use wasmparser::{Parser, Payload};

/// The sections of a component or module, without those of the modules and components that are nested in it.
pub fn sections(bytes: &[u8]) -> impl Iterator<Item = Result<Payload<'_>, wasmparser::Error>> {
    let mut depth = 0;
    Parser::new(0).parse_all(bytes).filter(move |payload| {
        match payload {
            Ok(Payload::Version { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth -= 1,
            Ok(_) => return depth == 1,
            Err(_) => return true,
        }
        false
    })
}
