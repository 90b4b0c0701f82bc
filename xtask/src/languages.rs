//! Builds the example handlers that are written in Python and JavaScript.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::{digest, workspace};

use crate::process::call;
use crate::{components, toolchains};

/// Builds the handlers whose sources have changed since their last build.
pub fn handlers() -> Result<()> {
    for handler in HANDLERS {
        handler.build()?;
    }
    Ok(())
}

struct Handler {
    /// The component's file name without its extension. The file lies beside the components built from Rust.
    name: &'static str,
    /// Folders and files that the component depends on, relative to the repository.
    sources: &'static [&'static str],
    recipe: Recipe,
}

/// The program that builds a component, with its arguments.
enum Recipe {
    /// `examples/wsgi/build.py`.
    Wsgi(&'static [&'static str]),
    /// `examples/js/tools/build.js`, with a script relative to the repository.
    Js(&'static str),
}

impl Handler {
    fn build(&self) -> Result<()> {
        let component = components::artifacts()
            .join(self.name)
            .with_extension("wasm");
        let stamp = component.with_extension("wasm.sources");
        let digest = self.digest()?;
        if component.is_file() && fs::read_to_string(&stamp).is_ok_and(|found| found == digest) {
            return Ok(());
        }
        let mut command = match self.recipe {
            Recipe::Wsgi(arguments) => {
                let mut build = Command::new(toolchains::python()?);
                build
                    .arg("build.py")
                    .args(arguments)
                    .arg("--output")
                    .arg(&component);
                build.current_dir(workspace::root().join("examples/wsgi"));
                build
            }
            Recipe::Js(script) => {
                let (node, program) = toolchains::javascript()?;
                let mut build = Command::new(node);
                build.arg(program).arg(workspace::root().join(script));
                build.arg("--out").arg(&component);
                build
            }
        };
        println!("== building {}", component.display());
        fs::create_dir_all(components::artifacts())
            .context("cannot create the folder for components")?;
        // Without its stamp a component is built again, also if this build fails.
        if stamp.exists() {
            fs::remove_file(&stamp)
                .with_context(|| format!("cannot remove {}", stamp.display()))?;
        }
        call(&mut command)?;
        fs::write(&stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))
    }

    /// A digest of the sources and the arguments.
    fn digest(&self) -> Result<String> {
        let arguments = match self.recipe {
            Recipe::Wsgi(arguments) => arguments.join(" "),
            Recipe::Js(script) => script.to_owned(),
        };
        let mut parts = vec![(String::new(), arguments)];
        for source in self.sources {
            add(
                workspace::root(),
                &workspace::root().join(source),
                &mut parts,
            )?;
        }
        parts.sort();
        Ok(digest::of_parts(&parts))
    }
}

/// Adds the text of a file, or of all files of a folder, under its path from `root`.
fn add(root: &Path, path: &Path, parts: &mut Vec<(String, String)>) -> Result<()> {
    if path.is_dir() {
        let entries = path
            .read_dir()
            .with_context(|| format!("cannot list {}", path.display()))?;
        for entry in entries {
            let entry: PathBuf = entry?.path();
            // Python writes this folder when an application is run outside of a component.
            if !entry.ends_with("__pycache__") {
                add(root, &entry, parts)?;
            }
        }
        return Ok(());
    }
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
    parts.push((name.into_owned(), text));
    Ok(())
}

const HANDLERS: [Handler; 10] = [
    Handler {
        name: "wsgi-everything",
        sources: &WSGI,
        recipe: Recipe::Wsgi(&["everything:app", "--path", "apps"]),
    },
    Handler {
        name: "wsgi-everything-belljar",
        sources: &WSGI,
        recipe: Recipe::Wsgi(&["everything:app", "--path", "apps", "--contract", "belljar"]),
    },
    Handler {
        name: "wsgi-flask",
        sources: &WSGI,
        recipe: Recipe::Wsgi(&["flask_hello:app", "--path", "apps", "--warm", "/"]),
    },
    Handler {
        name: "wsgi-pyramid",
        sources: &WSGI,
        recipe: Recipe::Wsgi(&["pyramid_hello", "--path", "apps", "--warm", "/hello/you"]),
    },
    Handler {
        name: "wsgi-shop",
        sources: &WSGI,
        recipe: Recipe::Wsgi(&[
            "--path",
            "../../host/tests/guests/python/shop",
            "--warm",
            "/",
        ]),
    },
    Handler {
        name: "wsgi-stars",
        sources: &WSGI,
        recipe: Recipe::Wsgi(&[
            "--path",
            "../../host/tests/guests/python/stars",
            "--warm",
            "/hello/you",
        ]),
    },
    Handler {
        name: "wsgi-notes",
        sources: &WSGI,
        recipe: Recipe::Wsgi(&[
            "--path",
            "../../host/tests/guests/python/notes",
            "--warm",
            "/",
        ]),
    },
    Handler {
        name: "js-hello",
        sources: &[
            "examples/js/hello.js",
            "examples/js/package-lock.json",
            "examples/js/tools",
        ],
        recipe: Recipe::Js("examples/js/hello.js"),
    },
    Handler {
        name: "js-fetch",
        sources: &[
            "examples/js/fetch.js",
            "examples/js/package-lock.json",
            "examples/js/tools",
        ],
        recipe: Recipe::Js("examples/js/fetch.js"),
    },
    Handler {
        name: "js-hono",
        sources: &[
            "examples/js/package-lock.json",
            "examples/js/tools",
            "host/tests/guests/js",
        ],
        recipe: Recipe::Js("host/tests/guests/js/hono.ts"),
    },
];

const WSGI: [&str; 7] = [
    "examples/wsgi/apps",
    "examples/wsgi/build.py",
    "examples/wsgi/requirements.txt",
    "examples/wsgi/wsgi_component",
    "examples/wit",
    "host/tests/guests/python",
    "wit",
];
