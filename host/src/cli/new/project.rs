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

impl Language {
    /// The contract of a project whose user names none: `fetch` handlers are what people write in JavaScript.
    pub fn default_contract(self) -> ProjectContract {
        match self {
            Language::Js => ProjectContract::WasiHttp,
            Language::Rust | Language::Python => ProjectContract::Belljar,
        }
    }
}
