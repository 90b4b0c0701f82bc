//! The tool chains of languages other than Rust, in `target/tools`: componentize-py from PyPI, componentize-js from
//! npm, and Node, which that one runs on, from PyPI, too. They come at the versions, and with the hashes, that
//! files in the repository pin; a tool chain that is there at those versions is used as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use xtask::{digest, workspace};

use crate::{apt, call, output};

/// The Python that has componentize-py and what the WSGI examples need.
pub fn python() -> Result<PathBuf> {
    environment("python", "examples/wsgi/requirements.txt")
}

/// Node, and the program componentize-js for it to run.
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
        // npm finds the Node that it belongs to by the PATH.
        npm.env("PATH", before_path(&node)?).current_dir(folder);
        call(&mut npm)
            .context("npm installs componentize-js, and needs a connection to its registry")
    })?;
    let program = "node_modules/@bytecodealliance/componentize-js/src/cli.js";
    Ok((node, folder.join(program)))
}

/// The Python of a virtual environment that has what a file of requirements pins.
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
        call(&mut pip)
            .with_context(|| format!("pip installs {requirements}, and needs a connection to PyPI"))
    })?;
    Ok(folder.join(BIN).join("python"))
}

/// A virtual environment; where the distribution's Python has no way to make one, with the package that has it.
fn create(folder: &Path) -> Result<()> {
    let version = output(Command::new("python3").args(["-c", VERSION]));
    if let Some(version) = version.as_deref().filter(|version| *version < "3.10") {
        bail!(
            "python3 is Python {version}: componentize-py needs 3.10 or later, first on the PATH"
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
        .context("install Python 3.10 or later with its module venv by hand, so that `python3 -m venv` works")
}

/// The folder of a tool chain; `install` is called for one that is not there with what `pins` names.
fn installed(name: &str, pins: &str, install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = workspace::target_dir().join("tools").join(name);
    // With its place: the programs of a virtual environment name it, and do not run from another.
    let digest = digest::of_parts(&[(&*folder.to_string_lossy(), pins)]);
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == digest) {
        return Ok(folder);
    }
    println!(
        "== installing the tool chain {name} in {}",
        folder.display()
    );
    // What an earlier version left, or an installation that was broken off.
    if let Err(error) = fs::remove_dir_all(&folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(anyhow!(error).context(format!("cannot remove {}", folder.display())));
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    install(&folder)?;
    fs::write(&stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(folder)
}

/// The PATH with the folder of a program before all others.
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

/// Where a virtual environment has its programs.
const BIN: &str = if cfg!(windows) { "Scripts" } else { "bin" };

const VERSION: &str = "import sys; print('%d.%02d' % sys.version_info[:2])";
