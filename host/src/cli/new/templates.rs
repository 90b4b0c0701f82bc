//! The files of a new project.

use super::{Contract, Language};

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("templates/", $path))
    };
}

macro_rules! repository {
    ($path:literal) => {
        include_str!(concat!("../../../../", $path))
    };
}

/// Paths below the project's folder, and contents.
pub fn of(name: &str, language: Language, contract: Contract) -> Vec<(String, String)> {
    let common: &[(&str, &str)] = match language {
        Language::Rust => &[(".gitignore", "/target\n")],
        Language::Python => &[
            (".gitignore", "/.venv\n/*.wasm\n__pycache__\n"),
            ("requirements.txt", template!("python/requirements.txt")),
        ],
        Language::Js => &[
            (".gitignore", "/node_modules\n/*.wasm\n"),
            ("package.json", template!("js/package.json")),
        ],
    };
    let own: &[(&str, &str)] = match (language, contract) {
        (Language::Rust, Contract::Belljar) => &[
            ("Cargo.toml", template!("rust/belljar/Cargo.toml.template")),
            ("src/lib.rs", template!("rust/belljar/src/lib.rs")),
        ],
        (Language::Rust, Contract::WasiHttp) => &[
            (
                "Cargo.toml",
                template!("rust/wasi-http/Cargo.toml.template"),
            ),
            ("src/main.rs", template!("rust/wasi-http/src/main.rs")),
        ],
        (Language::Python, Contract::Belljar) => &[("app.py", template!("python/belljar/app.py"))],
        (Language::Python, Contract::WasiHttp) => {
            &[("app.py", template!("python/wasi-http/app.py"))]
        }
        (Language::Js, Contract::Belljar) => &[("handler.js", template!("js/belljar/handler.js"))],
        (Language::Js, Contract::WasiHttp) => {
            &[("handler.js", template!("js/wasi-http/handler.js"))]
        }
    };
    let sources = common
        .iter()
        .chain(own)
        .map(|(path, text)| (*path, text.replace("{{name}}", name)));
    let interfaces = match (language, contract) {
        (_, Contract::Belljar) => BELLJAR.map(|(path, text)| (path, text.to_owned())).to_vec(),
        // The crate wstd brings its own.
        (Language::Rust, Contract::WasiHttp) => Vec::new(),
        (Language::Python | Language::Js, Contract::WasiHttp) => WASI_HTTP
            .map(|(path, text)| (path, text.to_owned()))
            .to_vec(),
    };
    sources
        .chain(interfaces)
        .map(|(path, text)| (path.to_owned(), text))
        .collect()
}

/// The contract, and what it builds on.
const BELLJAR: [(&str, &str); 4] = [
    ("wit/handler.wit", repository!("wit/handler.wit")),
    ("wit/deps/clocks.wit", repository!("wit/deps/clocks.wit")),
    (
        "wit/deps/filesystem.wit",
        repository!("wit/deps/filesystem.wit"),
    ),
    ("wit/deps/io.wit", repository!("wit/deps/io.wit")),
];

/// Of the version that componentize-js exports, and no other.
const WASI_HTTP: [(&str, &str); 4] = [
    ("wit/handler.wit", template!("wasi-http/handler.wit")),
    (
        "wit/deps/clocks.wit",
        repository!("examples/wit/deps/clocks.wit"),
    ),
    (
        "wit/deps/http.wit",
        repository!("examples/wit/deps/http.wit"),
    ),
    ("wit/deps/io.wit", repository!("examples/wit/deps/io.wit")),
];
