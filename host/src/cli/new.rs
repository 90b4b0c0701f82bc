//! `belljar new`: creates a project for a handler.

mod name;
mod project;
mod steps;
mod templates;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use name::Name;
use project::{Language, ProjectContract};

use super::tools;

/// Create a folder with a project for a handler
///
/// Prints the commands that build and serve the handler. `belljar dev` runs what its belljar.toml has under [[build]].
#[derive(Args)]
pub struct New {
    /// Name of the project and of its folder: lower-case letters, digits, `-` and `_`
    #[arg(value_parser = Name::parse)]
    name: Name,

    /// Language of the handler
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,

    /// Contract of the handler: belljar's own, or wasi:http, which other servers also run [default: wasi-http for js,
    /// else belljar]
    #[arg(long, value_enum)]
    contract: Option<ProjectContract>,
}

impl New {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.name.as_str();
        let contract = self.contract.unwrap_or(self.lang.default_contract());
        let steps = steps::of(&self.name, self.lang, contract);
        let mut files = templates::of(name, self.lang, contract);
        files.push(("README.md".into(), steps.readme(name)));
        files.push(("belljar.toml".into(), steps.config()));
        write(Path::new(name), &files)?;

        let mut output = format!(
            "Created {name}/. To build and serve the handler, and to see each saved change in the browser:\n\n    \
             cd {name}\n"
        );
        let missing = tools::missing(steps.commands());
        for install in missing.iter().filter_map(|tool| tool.install.as_ref()) {
            output.push_str(&format!("    {install}\n"));
        }
        output.push_str(&format!("    {} dev\n", steps::program()));
        output.push_str(
            "\nThen open http://127.0.0.1:8080/. README.md has the commands that build and serve it step by step.\n",
        );
        std::io::stdout().write_all(output.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a new folder. Fails if a file or folder with this name exists, and leaves it unchanged.
fn write(folder: &Path, files: &[(String, String)]) -> anyhow::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "cannot create the folder {}: it already exists; choose another name",
            folder.display()
        ),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot create the folder {}", folder.display()));
        }
    }
    for (path, content) in files {
        let path = folder.join(path);
        let written = match path.parent() {
            Some(parent) => fs::create_dir_all(parent).and_then(|()| fs::write(&path, content)),
            None => fs::write(&path, content),
        };
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
