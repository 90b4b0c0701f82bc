//! The choices that determine the files of a new project.

use clap::ValueEnum;

/// The programming language of the handler.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Rust,
    Python,
    Js,
}

/// The contract between the handler and the server.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProjectContract {
    Belljar,
    WasiHttp,
}
