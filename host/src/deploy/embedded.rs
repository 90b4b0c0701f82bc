//! The built-in handler, which is part of the program.

/// The component that serves files, built from guest/default/ (`cargo xtask guest`). The file beside this one is a link to it, so
/// that the packaged crate holds it.
pub static FILES: &[u8] = include_bytes!("guest.wasm");
