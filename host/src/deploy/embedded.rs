//! The built-in handler, which is part of the program.

/// The component that serves files, built from guest/default/ (`cargo xtask guest`).
pub static FILES: &[u8] = include_bytes!("../../../guest/default/guest.wasm");
