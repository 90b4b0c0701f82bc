//! The packages of this repository, as groups that are built and tested together.
//!
//! Handlers are built as components. The library for guests is checked and tested apart from the server, because its
//! dependencies would change the features of wasmtime's dependencies, and wasmtime would be compiled a second time.

/// The handlers, which are only built as components.
pub const HANDLERS: &[&str] = &[
    "auth",
    "hello",
    "sse",
    "test-attacker",
    "test-attacker-async",
    "test-databases",
    "test-grants",
    "test-middleware",
    "test-middleware-async",
    "test-proxy",
    "test-service",
    "untrusted",
];

/// The library for guests, and the example handler that has native tests.
pub const LIBRARY: &[&str] = &["belljar-guest", "guestbook"];

/// The crates for crates.io, each after those that it depends on.
pub const PUBLISHED: &[&str] = &[
    "belljar-http",
    "belljar-sandbox",
    "belljar",
    "belljar-guest",
];

/// Cargo's arguments for the server and everything that is tested with it.
pub fn server() -> Vec<&'static str> {
    let others = HANDLERS.iter().chain(LIBRARY);
    ["--workspace"]
        .into_iter()
        .chain(others.flat_map(|name| ["--exclude", name]))
        .collect()
}

/// Cargo's arguments for the packages of [`LIBRARY`].
pub fn library() -> Vec<&'static str> {
    [vec!["--all-features"], named(LIBRARY)].concat()
}

/// Cargo's arguments for packages by their names.
pub fn named(names: &[&'static str]) -> Vec<&'static str> {
    names.iter().flat_map(|name| ["--package", name]).collect()
}
