//! `belljar man`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Command};

/// Write a manual page for each command into a folder
///
/// `man` finds them in the folder `man1` of a folder that MANPATH names, such as ~/.local/share/man/man1.
#[derive(Args)]
pub struct Man {
    /// Folder for the pages `belljar.1`, `belljar-serve.1` and so on; it is created if it is missing
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Man {
    /// Writes the pages of the command line `belljar`.
    pub fn run(self, belljar: Command) -> anyhow::Result<ExitCode> {
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(belljar, &self.folder));
        written.with_context(|| {
            format!(
                "cannot write manual pages into {}; choose another folder",
                self.folder.display()
            )
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
