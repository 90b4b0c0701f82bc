//! The distribution's packages, where it is Debian or one of its kin.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::library::{Sources, Work};
use crate::targets::Toolchain;
use crate::{call, output};

/// Installs packages, with sudo where that is needed and there.
pub fn install(packages: &[&str]) -> Result<()> {
    refresh();
    as_root(&[&["apt-get", "install", "-y"], packages].concat())
}

/// The sources of the standard library, from the packages rust-src and wasi-libc. They are fetched and unpacked
/// without being installed, from whatever releases the machine's apt is configured for; of rust-src only the
/// toolchain's very version will do, since a standard library of another does not compile.
pub fn sources(toolchain: &Toolchain) -> Result<Sources> {
    refresh();
    let installed = toolchain.sysroot.join("lib/rustlib/src/rust/library");
    let mut packages = vec!["wasi-libc".to_owned()];
    if !installed.join("sysroot/Cargo.toml").is_file() {
        packages.push(format!("rust-src={}", rust_src(&toolchain.version)?));
    }
    let work = Work::new()?;
    println!("apt-get download {}", packages.join(" "));
    call(
        Command::new("apt-get")
            .arg("download")
            .args(&packages)
            .current_dir(&work.0),
    )?;
    let tree = work.0.join("tree");
    for package in listed(&work.0)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "deb"))
    {
        call(Command::new("dpkg-deb").arg("-x").arg(package).arg(&tree))?;
    }
    let library = if packages.len() == 1 {
        installed
    } else {
        library(&tree)?
    };
    Ok(Sources {
        library,
        libc: tree.join("usr/lib"),
        work,
    })
}

/// The version of the package rust-src that holds this version of Rust.
fn rust_src(wanted: &str) -> Result<String> {
    let offers =
        output(Command::new("apt-cache").args(["madison", "rust-src"])).ok_or_else(|| {
            anyhow!("there is no apt here to ask for the packages rust-src and wasi-libc")
        })?;
    let versions: Vec<&str> = offers
        .lines()
        .filter_map(|line| Some(line.split('|').nth(1)?.trim()))
        .collect();
    match versions.iter().find(|version| upstream(version) == wanted) {
        Some(version) => Ok((*version).to_owned()),
        None if versions.is_empty() => bail!("apt knows no package rust-src"),
        None => bail!(
            "apt offers rust-src {}, and rustc is {wanted}: they must be the same",
            versions.join(", ")
        ),
    }
}

/// The part of a Debian version that is the program's own: `1.95.0` of `1:1.95.0+dfsg1-2~bpo13+1`.
fn upstream(version: &str) -> &str {
    let version = version
        .split_once(':')
        .map_or(version, |(_, version)| version);
    version.split(['+', '-']).next().unwrap_or(version)
}

/// Where the package rust-src has rust's `library` folder: in `/usr/src/rustc-VERSION`, or among the libraries.
fn library(tree: &Path) -> Result<PathBuf> {
    let mut folders = listed(&tree.join("usr/src")).unwrap_or_default();
    folders.push(tree.join("usr/lib/rustlib/src/rust"));
    let mut folders = folders.into_iter().map(|folder| folder.join("library"));
    folders
        .find(|folder| folder.join("sysroot/Cargo.toml").is_file())
        .context("rust-src holds no library/sysroot")
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder
        .read_dir()
        .with_context(|| format!("cannot list {}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// A machine may have no lists of packages yet, or old ones. Without leave to renew them, those there must do.
fn refresh() {
    if let Err(error) = as_root(&["apt-get", "update", "-qq"]) {
        println!("the lists of packages could not be renewed: {error:#}");
    }
}

fn as_root(command: &[&str]) -> Result<()> {
    let root = output(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    let sudo = !root && output(Command::new("sudo").arg("--version")).is_some();
    let line = if sudo {
        [&["sudo"], command].concat()
    } else {
        command.to_vec()
    };
    println!("{}", line.join(" "));
    call(
        Command::new(line[0])
            .args(&line[1..])
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

#[cfg(test)]
mod tests {
    use super::upstream;

    #[test]
    fn a_debian_version_holds_the_programs_own() {
        let cases = [
            ("1.63.0+dfsg1-2", "1.63.0"),
            ("1.95.0+dfsg1-1~bpo13+1", "1.95.0"),
            ("1:1.95.0-3", "1.95.0"),
            ("1.95.0~beta.2+dfsg1-1", "1.95.0~beta.2"),
            ("1.95.0", "1.95.0"),
        ];
        for (version, own) in cases {
            assert_eq!(upstream(version), own, "{version}");
        }
    }
}
