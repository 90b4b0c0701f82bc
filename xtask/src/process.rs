//! Runs other programs.

use std::process::Command;

use anyhow::{Result, bail};

/// Runs a program to its end. Its failure is an error that names the program.
pub fn call(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("`{name}` failed ({status})"),
        Err(error) => bail!("cannot start `{name}`: {error}"),
    }
}

/// Runs a program and returns its standard output, or `None` if the program is missing or fails.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
