//! Tells whether `guest/default/guest.wasm` was built from the sources beside it.
//!
//! `cargo xtask guest` writes the SHA-256 of the guest's sources into the component, as the custom section
//! `belljar:sources`, and a test computes it again. The components themselves cannot be compared, because the same
//! sources give other bytes with a standard library that was built elsewhere.
//!
//! The sources are everything that determines what the component does:
//! - the guest's Rust files and manifest (not its `tests` folder), and the contract in `wit/`;
//! - the part of this program that links the shim of the built component into its main module (not its tests);
//! - the toolchain file;
//! - the guest's profile in the workspace's manifest, and the dependencies that members inherit;
//! - the version and checksum of each package in Cargo.lock that the guest depends on. So an update of a library that
//!   the guest uses requires a new guest, and an update of a library of the host does not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use toml::{Table, Value};

/// The custom section that holds the digest, in hex.
pub const SECTION: &str = "belljar:sources";

/// The digest of the guest's sources in the repository at `root`, in hex.
pub fn of_sources(root: &Path) -> Result<String> {
    let mut parts = Vec::new();
    for folder in ["guest/default", "wit", "xtask/src/relink"] {
        add_folder(root, folder, &mut parts)?;
    }
    add_file(root, "rust-toolchain.toml", &mut parts)?;
    let manifest = read_toml(root, "Cargo.toml")?;
    for path in [["profile", PROFILE], ["workspace", "dependencies"]] {
        let table = manifest.get(path[0]).and_then(|table| table.get(path[1]));
        let text = table.map(Value::to_string).unwrap_or_default();
        parts.push((format!("Cargo.toml:{}", path.join(".")), text));
    }
    parts.push((
        "Cargo.lock".to_owned(),
        locked(&read_toml(root, "Cargo.lock")?, PACKAGE),
    ));
    parts.sort();
    Ok(of_parts(&parts))
}

/// The SHA-256, in hex, of all names and texts. Each is preceded by its length, so that different lists never give the
/// same bytes.
pub fn of_parts<T: AsRef<str>>(parts: &[(T, T)]) -> String {
    let mut hash = Sha256::new();
    for text in parts.iter().flat_map(|(name, text)| [name, text]) {
        let text = text.as_ref();
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    format!("{:x}", hash.finalize())
}

fn add_folder(root: &Path, folder: &str, parts: &mut Vec<(String, String)>) -> Result<()> {
    let entries =
        fs::read_dir(root.join(folder)).with_context(|| format!("cannot list {folder}"))?;
    for entry in entries {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if TESTS.contains(&&*path) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            add_folder(root, &path, parts)?;
        } else if [".rs", ".wit", "/Cargo.toml"]
            .iter()
            .any(|end| path.ends_with(end))
        {
            add_file(root, &path, parts)?;
        }
    }
    Ok(())
}

fn add_file(root: &Path, path: &str, parts: &mut Vec<(String, String)>) -> Result<()> {
    let text =
        fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
    // git may check text out with CRLF, which means the same to the compiler.
    parts.push((path.to_owned(), text.replace("\r\n", "\n")));
    Ok(())
}

fn read_toml(root: &Path, path: &str) -> Result<Table> {
    let text =
        fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
    text.parse()
        .with_context(|| format!("{path} is not valid TOML"))
}

/// The packages of the lock file that `package` depends on, directly or not, as sorted lines.
fn locked(lock: &Table, package: &str) -> String {
    let packages: Vec<&Value> = lock
        .get("package")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let field = |package: &Value, name| {
        package
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut lines = BTreeSet::new();
    let mut wanted = vec![package.to_owned()];
    while let Some(dependency) = wanted.pop() {
        // `name`, `name version` or `name version (source)`: as much as cargo needs to identify the package.
        let mut words = dependency.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        let fits = |package: &&Value| {
            field(package, "name") == name
                && version.is_none_or(|version| field(package, "version") == version)
        };
        for package in packages.iter().copied().filter(fits) {
            let line = ["name", "version", "checksum"]
                .map(|name| field(package, name))
                .join(" ");
            if lines.insert(line) {
                let dependencies = package.get("dependencies").and_then(Value::as_array);
                wanted.extend(
                    dependencies
                        .into_iter()
                        .flatten()
                        .filter_map(Value::as_str)
                        .map(str::to_owned),
                );
            }
        }
    }
    Vec::from_iter(lines).join("\n")
}

const PACKAGE: &str = "belljar-default-guest";
const PROFILE: &str = "guest";
const TESTS: [&str; 2] = ["guest/default/tests", "xtask/src/relink/tests.rs"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_only_dependencies_of_the_package() {
        let lock = r#"
            [[package]]
            name = "guest"
            version = "0.1.0"
            dependencies = ["near", "twice 2.0.0"]
            [[package]]
            name = "near"
            version = "1.0.0"
            checksum = "aa"
            dependencies = ["far", "guest"]
            [[package]]
            name = "far"
            version = "3.0.0"
            [[package]]
            name = "twice"
            version = "1.0.0"
            [[package]]
            name = "twice"
            version = "2.0.0"
            [[package]]
            name = "stranger"
            version = "1.0.0"
        "#;
        let lines = locked(&lock.parse().expect("valid TOML"), "guest");
        assert_eq!(
            lines,
            "far 3.0.0 \nguest 0.1.0 \nnear 1.0.0 aa\ntwice 2.0.0 "
        );
    }

    #[test]
    fn every_change_changes_the_digest() {
        let part = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let base = of_parts(&[part("a", "bc"), part("d", "")]);
        let others = [
            vec![part("ab", "c"), part("d", "")],
            vec![part("a", "bcd"), part("", "")],
            vec![part("a", "bc")],
            vec![part("a", "bC"), part("d", "")],
        ];
        for other in others {
            assert_ne!(of_parts(&other), base, "{other:?}");
        }
    }
}
