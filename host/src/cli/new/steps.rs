//! The commands from a new project to its first answer.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use super::name::Name;
use super::{Contract, Language};

/// To be typed within the project's folder.
pub struct Steps {
    /// What the language's own tools do.
    pub build: Vec<String>,
    /// What belljar is to do then.
    pub serve: String,
}

pub fn of(name: &Name, language: Language, contract: Contract) -> Steps {
    let (build, component): (&[&str], String) = match language {
        Language::Rust => {
            // A library's file and a program's are not named alike.
            let file = match contract {
                Contract::Belljar => name.with_underscores(),
                Contract::WasiHttp => name.as_str().to_owned(),
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

/// What is to be done first, on this machine.
pub fn missing(language: Language) -> Option<String> {
    let is_missing = language == Language::Rust && !has_target();
    is_missing.then(|| format!("rustup target add {TARGET}"))
}

/// How to call this program: by its name where the shell finds it by that.
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
        "# {name}\n\nA request handler for belljar. To build and serve it:\n\n    {build}\n    belljar {}\n\n\
         Then open <http://127.0.0.1:8080/>.\n",
        steps.serve
    )
}

/// Whether the standard library for the target is installed. Where there is no rustc to ask, it is not.
fn has_target() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .stdin(Stdio::null())
        .output();
    asked.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// As a word of a shell's command line.
fn quoted(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    match path.bytes().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

const TARGET: &str = "wasm32-wasip2";
