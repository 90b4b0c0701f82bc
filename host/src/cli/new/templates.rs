//! The files of a new project.

use super::{Contract, Language};

/// Paths below the project's folder, and contents.
pub fn of(name: &str, language: Language, contract: Contract) -> Vec<(String, String)> {
    let sources: &[(&str, &str)] = match (language, contract) {
        (Language::Rust, Contract::Belljar) => &[
            (".gitignore", "/target\n"),
            (
                "Cargo.toml",
                include_str!("templates/rust/belljar/Cargo.toml.template"),
            ),
            (
                "src/lib.rs",
                include_str!("templates/rust/belljar/src/lib.rs"),
            ),
        ],
        (Language::Rust, Contract::WasiHttp) => &[
            (".gitignore", "/target\n"),
            (
                "Cargo.toml",
                include_str!("templates/rust/wasi-http/Cargo.toml.template"),
            ),
            (
                "src/main.rs",
                include_str!("templates/rust/wasi-http/src/main.rs"),
            ),
        ],
        (Language::Python, Contract::Belljar) => &[
            (".gitignore", "/.venv\n/*.wasm\n__pycache__\n"),
            (
                "requirements.txt",
                include_str!("templates/python/requirements.txt"),
            ),
            ("app.py", include_str!("templates/python/belljar/app.py")),
        ],
        (Language::Python, Contract::WasiHttp) => &[
            (".gitignore", "/.venv\n/*.wasm\n__pycache__\n"),
            (
                "requirements.txt",
                include_str!("templates/python/requirements.txt"),
            ),
            ("app.py", include_str!("templates/python/wasi-http/app.py")),
        ],
        (Language::Js, Contract::Belljar) => &[
            (".gitignore", "/node_modules\n/*.wasm\n"),
            (
                "package.json",
                include_str!("templates/js/belljar/package.json"),
            ),
            (
                "handler.js",
                include_str!("templates/js/belljar/handler.js"),
            ),
        ],
        (Language::Js, Contract::WasiHttp) => &[
            (".gitignore", "/node_modules\n/*.wasm\n"),
            (
                "package.json",
                include_str!("templates/js/wasi-http/package.json"),
            ),
            (
                "handler.js",
                include_str!("templates/js/wasi-http/handler.js"),
            ),
        ],
    };
    let sources = sources
        .iter()
        .map(|(path, text)| (*path, text.replace("{{name}}", name)));
    let interfaces = match (language, contract) {
        (_, Contract::Belljar) => BELLJAR.map(|(path, text)| (path, text.to_owned())).to_vec(),
        // The crate wstd brings its own.
        (Language::Rust, Contract::WasiHttp) => Vec::new(),
        (Language::Python | Language::Js, Contract::WasiHttp) => WASI_HTTP
            .map(|(path, text)| (path, text.replace(WASI, WASI_OF_JS)))
            .to_vec(),
    };
    sources
        .chain(interfaces)
        .map(|(path, text)| (path.to_owned(), text))
        .collect()
}

/// The contract, and what it builds on.
const BELLJAR: [(&str, &str); 4] = [
    (
        "wit/handler.wit",
        include_str!("../../../../wit/handler.wit"),
    ),
    (
        "wit/deps/clocks.wit",
        include_str!("../../../../wit/deps/clocks.wit"),
    ),
    (
        "wit/deps/filesystem.wit",
        include_str!("../../../../wit/deps/filesystem.wit"),
    ),
    (
        "wit/deps/io.wit",
        include_str!("../../../../wit/deps/io.wit"),
    ),
];

const WASI_HTTP: [(&str, &str); 4] = [
    (
        "wit/handler.wit",
        include_str!("templates/wasi-http/handler.wit"),
    ),
    (
        "wit/deps/clocks.wit",
        include_str!("../../../../wit/deps/clocks.wit"),
    ),
    (
        "wit/deps/http.wit",
        include_str!("templates/wasi-http/http.wit"),
    ),
    (
        "wit/deps/io.wit",
        include_str!("../../../../wit/deps/io.wit"),
    ),
];

/// The version of WASI in these files.
const WASI: &str = "@0.2.12";

/// The one that componentize-js exports, and no other. The texts are the same.
const WASI_OF_JS: &str = "@0.2.10";
