//! The browser of `host/tests/browser.rs`: Chromium, and chromedriver which steers it.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{apt, output};

/// Installs what is missing of the two, and says how.
pub fn install() -> Result<()> {
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|program| !is_there(program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("== installing {}", missing.join(" and "));
    apt::install(&PACKAGES)
        .context("install Chromium and chromedriver by hand, so that they are on the PATH")
}

fn is_there(program: &str) -> bool {
    output(Command::new(program).arg("--version")).is_some()
}

const PROGRAMS: [&str; 2] = ["chromium", "chromedriver"];

/// Debian's names for them.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];
