//! The files of a new project.

use super::project::{Language, ProjectContract};

macro_rules! template {
    ($path:expr) => {
        include_str!(concat!("templates/", $path))
    };
}

/// A file that the build adds to the script.
macro_rules! js_runtime {
    ($name:literal) => {
        (
            concat!("tools/runtime/", $name),
            template!(concat!("js/tools/runtime/", $name)),
        )
    };
}

/// The build and the adapter, with the interfaces of both contracts: the application decides which one it implements. The
/// folder is a link to the example.
macro_rules! python_tool {
    ($path:literal) => {
        (
            concat!("tools/", $path),
            template!(concat!("python/tools/", $path)),
        )
    };
}

/// The interfaces of both contracts: the script decides which one it implements.
macro_rules! js_wit {
    ($path:literal) => {
        (
            concat!("tools/wit/", $path),
            template!(concat!("js/tools/wit/", $path)),
        )
    };
}

/// Returns the path of each file in the folder of the project, and its content.
pub fn of(name: &str, language: Language, contract: ProjectContract) -> Vec<(String, String)> {
    let common: &[(&str, &str)] = match language {
        Language::Rust => &[(".gitignore", "/target\n")],
        Language::Python => &[
            (".gitignore", "/.venv\n/*.wasm\n__pycache__\n"),
            ("requirements.txt", template!("python/requirements.txt")),
            python_tool!("build.py"),
            python_tool!("wsgi_component/__init__.py"),
            python_tool!("wsgi_component/asgi.py"),
            python_tool!("wsgi_component/environment.py"),
            python_tool!("wsgi_component/files.py"),
            python_tool!("wsgi_component/gateway.py"),
            python_tool!("wsgi_component/modules.py"),
            python_tool!("wsgi_component/outbound.py"),
            python_tool!("wsgi_component/over_belljar.py"),
            python_tool!("wsgi_component/over_http.py"),
            python_tool!("wsgi_component/snapshot.py"),
            python_tool!("wit/belljar/handler.wit"),
            python_tool!("wit/belljar/deps/clocks.wit"),
            python_tool!("wit/belljar/deps/filesystem.wit"),
            python_tool!("wit/belljar/deps/io.wit"),
            python_tool!("wit/http/handler.wit"),
            python_tool!("wit/http/deps/clocks.wit"),
            python_tool!("wit/http/deps/http.wit"),
            python_tool!("wit/http/deps/io.wit"),
        ],
        Language::Js => &[
            (".gitignore", "/node_modules\n/*.wasm\n"),
            ("package.json", template!("js/package.json")),
            ("tools/build.js", template!("js/tools/build.js")),
            js_runtime!("bodies.js"),
            js_runtime!("event_loop.js"),
            js_runtime!("fetch.js"),
            js_runtime!("form_data.js"),
            js_runtime!("phase.js"),
            js_runtime!("serve.js"),
            js_runtime!("web.js"),
            js_wit!("belljar/handler.wit"),
            js_wit!("belljar/deps/clocks.wit"),
            js_wit!("belljar/deps/filesystem.wit"),
            js_wit!("belljar/deps/io.wit"),
            js_wit!("wasi-http/handler.wit"),
            js_wit!("wasi-http/deps/cli.wit"),
            js_wit!("wasi-http/deps/clocks.wit"),
            js_wit!("wasi-http/deps/http.wit"),
            js_wit!("wasi-http/deps/io.wit"),
        ],
    };
    let own: &[(&str, &str)] = match (language, contract) {
        (Language::Rust, ProjectContract::Belljar) => &[
            ("Cargo.toml", template!("rust/belljar/Cargo.toml.template")),
            ("build.rs", template!("rust/belljar/build.rs")),
            ("src/lib.rs", template!("rust/belljar/src/lib.rs")),
            ("src/runtime.rs", template!("rust/belljar/src/runtime.rs")),
        ],
        (Language::Rust, ProjectContract::WasiHttp) => &[
            (
                "Cargo.toml",
                template!("rust/wasi-http/Cargo.toml.template"),
            ),
            ("src/main.rs", template!("rust/wasi-http/src/main.rs")),
        ],
        (Language::Python, ProjectContract::Belljar) => {
            &[("app.py", template!("python/belljar/app.py"))]
        }
        (Language::Python, ProjectContract::WasiHttp) => {
            &[("app.py", template!("python/wasi-http/app.py"))]
        }
        (Language::Js, ProjectContract::Belljar) => {
            &[("handler.js", template!("js/belljar/handler.js"))]
        }
        (Language::Js, ProjectContract::WasiHttp) => {
            &[("handler.js", template!("js/wasi-http/handler.js"))]
        }
    };
    let sources = common
        .iter()
        .chain(own)
        .map(|(path, text)| (*path, text.replace("{{name}}", name)));
    let interfaces = match (language, contract) {
        // The builds have their own copies.
        (Language::Js | Language::Python, _) => Vec::new(),
        (Language::Rust, ProjectContract::Belljar) => {
            BELLJAR.map(|(path, text)| (path, text.to_owned())).to_vec()
        }
        // The crate wstd contains these interfaces.
        (Language::Rust, ProjectContract::WasiHttp) => Vec::new(),
    };
    sources
        .chain(interfaces)
        .map(|(path, text)| (path.to_owned(), text))
        .collect()
}

/// belljar's own contract and the interfaces that it imports. The folder is a link to the repository's own, so that the packaged
/// crate holds its files.
const BELLJAR: [(&str, &str); 4] = [
    ("wit/handler.wit", template!("wit/handler.wit")),
    ("wit/deps/clocks.wit", template!("wit/deps/clocks.wit")),
    (
        "wit/deps/filesystem.wit",
        template!("wit/deps/filesystem.wit"),
    ),
    ("wit/deps/io.wit", template!("wit/deps/io.wit")),
];
