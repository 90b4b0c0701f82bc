//! Packages of the distribution, on Debian and the distributions derived from it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{call, output};
use crate::rust_toolchain::Toolchain;
use crate::sources::{Sources, WorkFolder};

/// Installs packages, with sudo if this user needs it and it is installed.
pub fn install(packages: &[&str]) -> Result<()> {
    refresh();
    as_root(&[&["apt-get", "install", "-y"], packages].concat())
}

/// Installs the package that has a program, unless the program is there.
pub fn need(program: &str, package: &str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Programs of the system are there for other users than root as well.
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    match folders.any(|folder| folder.join(program).is_file()) {
        true => Ok(()),
        false => {
            install(&[package]).with_context(|| format!("the tests need the program {program}"))
        }
    }
}

/// Fetches the sources of the standard library from the packages rust-src and wasi-libc, and unpacks them without
/// installing the packages. Any release that apt is configured for may provide them. rust-src must have exactly the
/// toolchain's version, because a standard library of another version does not compile.
pub fn sources(toolchain: &Toolchain) -> Result<Sources> {
    refresh();
    let installed = toolchain.sysroot.join("lib/rustlib/src/rust/library");
    let mut packages = vec!["wasi-libc".to_owned()];
    if !installed.join("sysroot/Cargo.toml").is_file() {
        packages.push(format!("rust-src={}", rust_src(&toolchain.version)?));
    }
    let work = WorkFolder::new()?;
    println!("apt-get download {}", packages.join(" "));
    call(
        Command::new("apt-get")
            .arg("download")
            .args(&packages)
            .current_dir(&work.0),
    )?;
    let tree = work.0.join("tree");
    for package in entries(&work.0)?
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
    let offers = output(Command::new("apt-cache").args(["madison", "rust-src"]))
        .context("cannot look for the packages rust-src and wasi-libc: this system has no apt")?;
    let versions: Vec<&str> = offers
        .lines()
        .filter_map(|line| Some(line.split('|').nth(1)?.trim()))
        .collect();
    match versions.iter().find(|version| upstream(version) == wanted) {
        Some(version) => Ok((*version).to_owned()),
        None if versions.is_empty() => bail!("apt has no package rust-src"),
        None => bail!(
            "apt has rust-src {}, but rustc is {wanted}: they must be the same version",
            versions.join(", ")
        ),
    }
}

/// The upstream part of a Debian version: `1.95.0` of `1:1.95.0+dfsg1-2~bpo13+1`.
fn upstream(version: &str) -> &str {
    let version = version
        .split_once(':')
        .map_or(version, |(_, version)| version);
    version.split(['+', '-']).next().unwrap_or(version)
}

/// Finds Rust's `library` folder in the package rust-src: in `/usr/src/rustc-VERSION`, or below `/usr/lib/rustlib`.
fn library(tree: &Path) -> Result<PathBuf> {
    let mut folders = entries(&tree.join("usr/src")).unwrap_or_default();
    folders.push(tree.join("usr/lib/rustlib/src/rust"));
    let mut folders = folders.into_iter().map(|folder| folder.join("library"));
    folders
        .find(|folder| folder.join("sysroot/Cargo.toml").is_file())
        .context("the package rust-src has no folder library/sysroot")
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder
        .read_dir()
        .with_context(|| format!("cannot list {}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// Updates the package lists, which may be missing or old. Without the permission to do so, the existing lists are
/// used.
fn refresh() {
    if let Err(error) = as_root(&["apt-get", "update", "-qq"]) {
        println!("cannot update the package lists: {error:#}");
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
    fn finds_the_upstream_part_of_a_debian_version() {
        let cases = [
            ("1.63.0+dfsg1-2", "1.63.0"),
            ("1.95.0+dfsg1-1~bpo13+1", "1.95.0"),
            ("1:1.95.0-3", "1.95.0"),
            ("1.95.0~beta.2+dfsg1-1", "1.95.0~beta.2"),
            ("1.95.0", "1.95.0"),
        ];
        for (version, wanted) in cases {
            assert_eq!(upstream(version), wanted, "{version}");
        }
    }
}
