//! The commands that build and serve a new project.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use super::name::Name;
use super::project::{Language, ProjectContract};

/// Commands to run in the folder of the project.
pub struct Steps {
    /// The commands of the language's own tools.
    pub build: Vec<String>,
    /// The arguments of `belljar` that serve the component.
    pub serve: String,
}

pub fn of(name: &Name, language: Language, contract: ProjectContract) -> Steps {
    let (build, component): (&[&str], String) = match language {
        Language::Rust => {
            // cargo replaces hyphens in the file name of a library, but not in the file name of a program.
            let file = match contract {
                ProjectContract::Belljar => name.with_underscores(),
                ProjectContract::WasiHttp => name.as_str().to_owned(),
            };
            let build = &["cargo build --release --target wasm32-wasip2"];
            (build, format!("target/wasm32-wasip2/release/{file}.wasm"))
        }
        Language::Python => (
            &[
                "python3 -m venv .venv",
                ".venv/bin/pip install -r requirements.txt",
                ".venv/bin/componentize-py -d wit -w handler componentize app -o {component}",
            ],
            format!("{}.wasm", name.as_str()),
        ),
        Language::Js => (
            &["npm install", "npm run build"],
            format!("{}.wasm", name.as_str()),
        ),
    };
    Steps {
        build: build
            .iter()
            .map(|step| step.replace("{component}", &component))
            .collect(),
        serve: format!("serve --handler {component}"),
    }
}

/// Returns the command that installs the target, if this machine lacks it.
pub fn missing(language: Language) -> Option<String> {
    let is_missing = language == Language::Rust && !has_target();
    is_missing.then(|| format!("rustup target add {TARGET}"))
}

/// Returns `belljar` if the shell finds this program by that name, else its path.
pub fn program() -> String {
    let Ok(this) = env::current_exe().and_then(|path| path.canonicalize()) else {
        return "belljar".into();
    };
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join("belljar"))
        .find(|path| path.is_file());
    match found.and_then(|path| path.canonicalize().ok()) {
        Some(found) if found == this => "belljar".into(),
        _ => quoted(&this.to_string_lossy()),
    }
}

pub fn readme(name: &str, steps: &Steps) -> String {
    let mut build = steps.build.join("\n    ");
    if steps.serve.contains(TARGET) {
        build.insert_str(0, &format!("rustup target add {TARGET}\n    "));
    }
    format!(
        "# {name}\n\nA request handler for belljar. To build and serve the handler:\n\n    {build}\n    belljar {}\n\n\
         Then open <http://127.0.0.1:8080/>.\n",
        steps.serve
    )
}

/// Whether the standard library for the target is installed. Without rustc the answer is no.
fn has_target() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .stdin(Stdio::null())
        .output();
    asked.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Quotes a path for a shell.
fn quoted(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    match path.bytes().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

const TARGET: &str = "wasm32-wasip2";
