//! Installs the browser for `host/tests/files/browser.rs`: Chromium, and chromedriver, which controls it.

use std::process::Command;

use anyhow::{Context, Result};

use crate::apt;
use crate::process::output;

/// Installs the programs that are missing, and prints how it does so.
pub fn install() -> Result<()> {
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|program| !is_installed(program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("== installing {}", missing.join(" and "));
    apt::install(&PACKAGES).context(
        "cannot install Chromium and chromedriver; install them by hand and put them on the PATH",
    )
}

fn is_installed(program: &str) -> bool {
    output(Command::new(program).arg("--version")).is_some()
}

const PROGRAMS: [&str; 2] = ["chromium", "chromedriver"];

/// The packages' names in Debian.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];
