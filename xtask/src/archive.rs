//! `cargo xtask archive`: the archive of a release, with the names that `cargo binstall` looks for.
//!
//! The names come from `[package.metadata.binstall]` in host/Cargo.toml.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};
use xtask::workspace;

use crate::process::{call, output};

/// Builds the program, and packs it with its licences, its manual pages and its completions.
pub fn run() -> Result<()> {
    let root = workspace::root();
    call(workspace::cargo().args(["build", "--release"]))?;
    let program = workspace::target_dir().join("release/belljar");
    let rustc = output(Command::new("rustc").arg("-vV")).context("cannot run rustc")?;
    let target = rustc
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not name its target")?;
    let names = Names::read(&root.join("host/Cargo.toml"), target)?;

    let work = workspace::target_dir().join("archive");
    let folder = work.join(&names.folder);
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder.join("completions"))?;
    fs::copy(&program, folder.join("belljar")).context("cannot copy the program")?;
    for name in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
        fs::copy(root.join(name), folder.join(name))
            .with_context(|| format!("cannot copy {name}"))?;
    }
    call(
        Command::new(&program)
            .arg("man")
            .arg(folder.join("man/man1")),
    )?;
    for (shell, name) in COMPLETIONS {
        let file = File::create(folder.join("completions").join(name))?;
        call(
            Command::new(&program)
                .args(["completions", shell])
                .stdout(file),
        )?;
    }
    let archive = work.join(&names.archive);
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&archive).arg("-C").arg(&work);
    call(tar.arg(&names.folder))?;
    println!("wrote {}", archive.display());
    Ok(())
}

struct Names {
    /// The file name of the archive.
    archive: String,
    /// The folder in the archive that holds the program.
    folder: String,
}

impl Names {
    fn read(manifest: &Path, target: &str) -> Result<Names> {
        let text = fs::read_to_string(manifest)
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        let manifest: Table = text.parse().context("host/Cargo.toml is not valid TOML")?;
        let metadata = manifest["package"].get("metadata");
        let metadata = metadata.and_then(|metadata| metadata.get("binstall"));
        let template = |key| {
            let text = metadata.and_then(|metadata| metadata.get(key));
            let text = text.and_then(Value::as_str);
            text.with_context(|| format!("host/Cargo.toml has no package.metadata.binstall.{key}"))
        };
        let filled = |template: &str| {
            template
                .replace("{ name }", "belljar")
                .replace("{ bin }", "belljar")
                .replace("{ version }", env!("CARGO_PKG_VERSION"))
                .replace("{ target }", target)
                .replace("{ binary-ext }", "")
                .replace("{ archive-suffix }", ".tgz")
        };
        let url = filled(template("pkg-url")?);
        let program = filled(template("bin-dir")?);
        let archive = url.rsplit('/').next().unwrap_or_default();
        let folder = program.strip_suffix("/belljar");
        let folder = folder.context("bin-dir does not end with the name of the program")?;
        ensure!(
            !format!("{archive}{folder}").contains('{'),
            "unknown words in {url} or {program}"
        );
        Ok(Names {
            archive: archive.into(),
            folder: folder.into(),
        })
    }
}

/// Each shell, and the name under which it looks for the completions of `belljar`.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "belljar"),
    ("fish", "belljar.fish"),
    ("zsh", "_belljar"),
];
