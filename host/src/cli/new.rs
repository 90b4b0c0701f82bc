//! `belljar new`: a project to begin a handler with.

mod name;
mod steps;
mod templates;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use name::Name;

/// Begin a handler: a folder with a project that builds
///
/// It prints the commands that build and serve it.
#[derive(Args)]
pub struct New {
    /// The project's name, and its folder's: letters, digits, `-` and `_`
    #[arg(value_parser = Name::parse)]
    name: Name,

    /// Language of the handler
    #[arg(long, value_enum)]
    lang: Language,

    /// What it fulfils: belljar's own contract, or the one that other servers run as well
    #[arg(long, value_enum, default_value_t = Contract::Belljar)]
    contract: Contract,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    Python,
    Js,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Contract {
    Belljar,
    WasiHttp,
}

impl New {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.name.as_str();
        let steps = steps::of(&self.name, self.lang, self.contract);
        let mut files = templates::of(name, self.lang, self.contract);
        files.push(("README.md".into(), steps::readme(name, &steps)));
        write(Path::new(name), &files)?;

        let mut output =
            format!("{name}/ holds your handler. To build and serve it:\n\n    cd {name}\n");
        for step in steps::missing(self.lang).iter().chain(&steps.build) {
            output.push_str(&format!("    {step}\n"));
        }
        output.push_str(&format!("    {} {}\n", steps::program(), steps.serve));
        output.push_str("\nThen open http://127.0.0.1:8080/\n");
        std::io::stdout().write_all(output.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a new folder. One that is there already is left as it is.
fn write(folder: &Path, files: &[(String, String)]) -> anyhow::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{} is there already and is left as it is: take another name",
            folder.display()
        ),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot make the folder {}", folder.display()));
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
