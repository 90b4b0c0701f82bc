//! How a new project is built and served: the commands for its README and for its `belljar.toml`.

use std::env;

use super::name::Name;
use super::project::{Language, ProjectContract};

/// Commands to run in the folder of the project.
pub struct Steps {
    /// What `belljar dev` runs, in this order.
    build: Vec<BuildStep>,
    /// The path of the component that they build.
    component: String,
}

/// One entry of `[[build]]` in `belljar.toml`.
struct BuildStep {
    /// Commands of the language's own tools, of which each follows if the one before succeeds.
    commands: Vec<String>,
    /// The files and folders that the commands read. Empty: the whole project.
    watch: &'static [&'static str],
    result: String,
}

pub fn of(name: &Name, language: Language, contract: ProjectContract) -> Steps {
    let wasm = format!("{}.wasm", name.as_str());
    let (build, component) = match language {
        Language::Rust => {
            // cargo replaces hyphens in the file name of a library, but not in the file name of a program.
            let file = match contract {
                ProjectContract::Belljar => name.with_underscores(),
                ProjectContract::WasiHttp => name.as_str().to_owned(),
            };
            let component = format!("target/{TARGET}/release/{file}.wasm");
            let watch: &[&str] = match contract {
                ProjectContract::Belljar => &["Cargo.toml", "build.rs", "src", "wit"],
                ProjectContract::WasiHttp => &["Cargo.toml", "src"],
            };
            let build = BuildStep {
                commands: vec![format!("cargo build --release --target {TARGET}")],
                watch,
                result: component.clone(),
            };
            (vec![build], component)
        }
        Language::Python => {
            let tools = BuildStep {
                commands: vec![
                    "python3 -m venv .venv".into(),
                    ".venv/bin/pip install -r requirements.txt".into(),
                ],
                watch: &["requirements.txt"],
                result: ".venv/bin/componentize-py".into(),
            };
            let build = BuildStep {
                commands: vec![format!(".venv/bin/python tools/build.py -o {wasm}")],
                watch: &[],
                result: wasm.clone(),
            };
            (vec![tools, build], wasm)
        }
        Language::Js => {
            let tools = BuildStep {
                commands: vec!["npm install".into()],
                watch: &["package.json"],
                result: "node_modules/.package-lock.json".into(),
            };
            let build = BuildStep {
                commands: vec!["npm run build".into()],
                watch: &[],
                result: wasm.clone(),
            };
            (vec![tools, build], wasm)
        }
    };
    Steps { build, component }
}

impl Steps {
    /// The commands that build the component.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        let commands = self.build.iter().flat_map(|step| &step.commands);
        commands.map(String::as_str)
    }

    /// The README of the project.
    pub fn readme(&self, name: &str) -> String {
        let mut build: Vec<_> = self.commands().map(str::to_owned).collect();
        if self.component.contains(TARGET) {
            build.insert(0, format!("rustup target add {TARGET}"));
        }
        format!(
            "# {name}\n\nA request handler for belljar. To build and serve it, and to see each saved change in the browser:\n\n    \
             belljar dev\n\nThen open <http://127.0.0.1:8080/>.\n\nThese commands build and serve it step by step:\n\n    {}\n    \
             belljar serve --handler {}\n",
            build.join("\n    "),
            self.component
        )
    }

    /// The `belljar.toml` of the project.
    pub fn config(&self) -> String {
        let mut text = format!(
            "# `belljar dev` builds and serves this project. `belljar serve --config belljar.toml` serves what is built.\n\n\
             [[route]]\npath = \"/*\"\ncomponent = \"{}\"\n",
            self.component
        );
        for step in &self.build {
            let BuildStep {
                commands,
                watch,
                result,
            } = step;
            let mut command = commands.join(" && ");
            if commands.len() > 1 {
                // The installed file keeps its time if there is nothing to install.
                command.push_str(&format!(" && touch {result}"));
            }
            text.push_str(&format!("\n[[build]]\ncommand = \"{command}\"\n"));
            if !watch.is_empty() {
                text.push_str(&format!("watch = {watch:?}\n"));
            }
            text.push_str(&format!("result = \"{result}\"\n"));
        }
        text
    }
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

/// Quotes a path for a shell.
fn quoted(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    match path.bytes().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

const TARGET: &str = "wasm32-wasip2";
