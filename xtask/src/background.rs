//! A command of this program that runs beside another one, with its output kept for later.

use std::env;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use xtask::workspace;

/// A running `cargo xtask COMMAND`, killed when the value is dropped.
pub struct Background {
    command: &'static str,
    child: Child,
    log: PathBuf,
}

impl Background {
    pub fn start(command: &'static str) -> Result<Background> {
        let folder = workspace::target_dir();
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let log = folder.join(format!("xtask-{command}.log"));
        let output =
            File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let child = Command::new(env::current_exe()?)
            .arg(command)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start `xtask {command}`"))?;
        Ok(Background {
            command,
            child,
            log,
        })
    }

    /// Waits for the command to end, and prints what it printed.
    pub fn finish(mut self) -> Result<()> {
        let status = self.child.wait()?;
        let output = fs::read(&self.log).unwrap_or_default();
        print!("{}", String::from_utf8_lossy(&output));
        if !status.success() {
            bail!("`cargo xtask {}` failed ({status})", self.command);
        }
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
