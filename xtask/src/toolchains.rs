//! Installs the tool chains of Python and JavaScript into `target/tools`.
//!
//! They are componentize-py from PyPI, componentize-js from npm, and Node.js, which runs componentize-js, from PyPI.
//! Files in the repository pin their versions and hashes. A tool chain that is already installed at those versions is
//! kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use xtask::{digest, workspace};

use crate::apt;
use crate::process::{call, output};

/// The path of a Python with componentize-py and the packages that the WSGI examples use.
pub fn python() -> Result<PathBuf> {
    environment("python", "examples/wsgi/requirements.txt")
}

/// The paths of Node.js and of the script that builds a component.
pub fn javascript() -> Result<(PathBuf, PathBuf)> {
    let node = environment("node", "xtask/requirements/node.txt")?.with_file_name("node");
    let lock = read("examples/js/package-lock.json")?;
    let folder = installed("javascript", &lock, |folder| {
        for name in ["package.json", "package-lock.json"] {
            fs::write(folder.join(name), read(&format!("{JAVASCRIPT}/{name}"))?)
                .with_context(|| format!("cannot write {name} to {}", folder.display()))?;
        }
        let mut npm = Command::new(node.with_file_name("npm"));
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        // npm looks for Node.js on the PATH.
        npm.env("PATH", before_path(&node)?).current_dir(folder);
        call(&mut npm).context(
            "cannot install componentize-js with npm; check the connection to the npm registry",
        )
    })?;
    // The script finds its packages beside its folder.
    let tools = folder.join("tools");
    copy(&workspace::root().join(JAVASCRIPT).join("tools"), &tools)?;
    Ok((node, tools.join("build.js")))
}

/// The path of the Python in a virtual environment with the packages of a requirements file.
fn environment(name: &str, requirements: &str) -> Result<PathBuf> {
    let folder = installed(name, &read(requirements)?, |folder| {
        create(folder)?;
        let mut pip = Command::new(folder.join(BIN).join("python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
        pip.args(["--require-hashes", "--requirement"]);
        pip.arg(workspace::root().join(requirements));
        call(&mut pip).with_context(|| {
            format!("cannot install {requirements} with pip; check the connection to PyPI")
        })
    })?;
    Ok(folder.join(BIN).join("python"))
}

/// Creates a virtual environment. Debian's Python needs the package python3-venv for that, which is installed then.
fn create(folder: &Path) -> Result<()> {
    let version = output(Command::new("python3").args(["-c", VERSION]));
    if let Some(version) = version.as_deref().filter(|version| *version < "3.10") {
        bail!(
            "python3 is Python {version}, but componentize-py needs 3.10 or later; put a newer python3 first on the PATH"
        );
    }
    let make = || {
        let mut python = Command::new("python3");
        call(python.args(["-m", "venv", "--clear"]).arg(folder))
    };
    let Err(error) = make() else { return Ok(()) };
    println!("{error:#}");
    apt::install(&["python3", "python3-venv"])
        .and_then(|()| make())
        .context("cannot create a virtual environment; install Python 3.10 or later with its module venv")
}

/// Returns the folder of a tool chain. Calls `install` first unless the folder already holds the versions in `pins`.
fn installed(name: &str, pins: &str, install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = workspace::target_dir().join("tools").join(name);
    // The digest includes the path, because the programs of a virtual environment contain it and break when moved.
    let digest = digest::of_parts(&[(&*folder.to_string_lossy(), pins)]);
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == digest) {
        return Ok(folder);
    }
    println!(
        "== installing the tool chain {name} in {}",
        folder.display()
    );
    // The folder may hold an older version, or an installation that was interrupted.
    if let Err(error) = fs::remove_dir_all(&folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(anyhow!(error).context(format!("cannot remove {}", folder.display())));
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    install(&folder)?;
    fs::write(&stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(folder)
}

/// Copies a folder, and what its links lead to.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    let entries = from
        .read_dir()
        .with_context(|| format!("cannot list {}", from.display()))?;
    for entry in entries {
        let entry = entry?.path();
        let to = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() {
            copy(&entry, &to)?;
        } else {
            fs::copy(&entry, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
    }
    Ok(())
}

/// The PATH with a program's folder first.
fn before_path(program: &Path) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = program.parent().map(Path::to_owned).into_iter();
    Ok(std::env::join_paths(
        folders.chain(std::env::split_paths(&path)),
    )?)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(workspace::root().join(path)).with_context(|| format!("cannot read {path}"))
}

const JAVASCRIPT: &str = "examples/js";

/// The folder of the programs in a virtual environment.
const BIN: &str = if cfg!(windows) { "Scripts" } else { "bin" };

const VERSION: &str = "import sys; print('%d.%02d' % sys.version_info[:2])";
