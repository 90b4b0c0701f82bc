//! The targets for fuzzing: each is a function of arbitrary bytes that panics if a promise of belljar does not hold.
//!
//! `fuzz/` runs them under cargo-fuzz, which needs a nightly toolchain. The tests of this package run them on the corpora
//! with the stable toolchain.
//!
//! The targets use the public functions of the crates, so that nothing becomes public for their sake.

mod chunked;
#[cfg(feature = "sandbox")]
mod component;
#[cfg(feature = "sandbox")]
mod config;
mod connection;
mod files;
mod head;
mod readers;
mod response;
#[cfg(feature = "sandbox")]
mod routes;
mod site;
mod split;
mod transport;

/// A target: its name, which is also the name of its corpus, and its function.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// All targets that this build contains.
pub const ALL: &[Target] = &[
    Target {
        name: "head",
        run: head::run,
    },
    Target {
        name: "chunked",
        run: chunked::run,
    },
    Target {
        name: "connection",
        run: connection::run,
    },
    Target {
        name: "response",
        run: response::run,
    },
    Target {
        name: "files",
        run: files::run,
    },
    #[cfg(feature = "sandbox")]
    Target {
        name: "routes",
        run: routes::run,
    },
    #[cfg(feature = "sandbox")]
    Target {
        name: "config",
        run: config::run,
    },
    #[cfg(feature = "sandbox")]
    Target {
        name: "component",
        run: component::run,
    },
];

/// Runs the target of this name.
///
/// # Panics
///
/// If the target finds a bug, or there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("there is no target {name}"));
    (target.run)(data);
}
