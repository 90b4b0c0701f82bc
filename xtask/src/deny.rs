//! `cargo xtask deny`: checks the licences, the sources and the duplicates among the dependencies against `deny.toml`.
//!
//! cargo-deny checks the same and more, but building it takes longer than all other checks of the repository together.

mod licence;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml::{Table, Value};
use xtask::workspace;

use self::licence::is_allowed;
use crate::process::output;

/// Checks all workspaces of the repository.
pub fn run() -> Result<()> {
    let rules = Rules::read()?;
    let mut faults = Vec::new();
    for (folder, has_licences) in WORKSPACES {
        let folder = workspace::root().join(folder);
        println!("== {}", folder.display());
        let lock = table(&folder.join("Cargo.lock"))?;
        faults.extend(rules.sources(&lock));
        if has_licences {
            faults.extend(rules.licences(&licences(&folder)?));
        }
        for (name, versions) in rules.duplicates(&lock) {
            println!("warning: {name} has the versions {versions:?}; deny.toml gives no reason");
        }
    }
    match faults.is_empty() {
        true => Ok(()),
        false => bail!(
            "these dependencies break the rules in deny.toml:\n{}",
            faults.join("\n")
        ),
    }
}

/// The rules in `deny.toml`.
struct Rules {
    licences: BTreeSet<String>,
    registries: BTreeSet<String>,
    /// The crates that may have several versions.
    duplicates: BTreeSet<String>,
}

impl Rules {
    fn read() -> Result<Self> {
        let rules = table(&workspace::root().join("deny.toml"))?;
        let texts = |section: &str, key: &str| -> BTreeSet<String> {
            let list = rules.get(section).and_then(|section| section.get(key));
            let list = list.and_then(Value::as_array).into_iter().flatten();
            list.filter_map(|item| {
                let text = item.get("crate").unwrap_or(item);
                text.as_str().map(str::to_owned)
            })
            .collect()
        };
        Ok(Self {
            licences: texts("licenses", "allow"),
            registries: texts("sources", "allow-registry"),
            duplicates: texts("bans", "skip"),
        })
    }

    /// The packages that come from elsewhere. A package without a source is one of this repository.
    fn sources(&self, lock: &Table) -> Vec<String> {
        let sources = packages(lock)
            .filter_map(|package| Some((text(package, "name")?, text(package, "source")?)));
        sources
            .filter(|(_, source)| {
                source
                    .strip_prefix("registry+")
                    .is_none_or(|registry| !self.registries.contains(registry))
            })
            .map(|(name, source)| format!("{name}: the source {source} is not allowed"))
            .collect()
    }

    fn licences(&self, found: &BTreeMap<String, String>) -> Vec<String> {
        found
            .iter()
            .filter(|(_, licence)| !is_allowed(licence, &self.licences))
            .map(|(package, licence)| format!("{package}: the licence {licence:?} is not allowed"))
            .collect()
    }

    /// The crates with several versions and no reason for them.
    fn duplicates(&self, lock: &Table) -> BTreeMap<String, BTreeSet<String>> {
        let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for package in packages(lock) {
            if let (Some(name), Some(version)) = (text(package, "name"), text(package, "version")) {
                versions
                    .entry(name.into())
                    .or_default()
                    .insert(version.into());
            }
        }
        versions.retain(|name, versions| versions.len() > 1 && !self.duplicates.contains(name));
        versions
    }
}

/// The licence of each package that some target, feature or test needs.
fn licences(folder: &Path) -> Result<BTreeMap<String, String>> {
    let tree = [
        "tree",
        "--workspace",
        "--all-features",
        "--locked",
        "--target=all",
    ];
    let form = [
        "--edges=normal,build,dev",
        "--prefix=none",
        "--format={p}|{l}",
    ];
    let listed = output(workspace::cargo().current_dir(folder).args(tree).args(form))
        .with_context(|| format!("cargo cannot list the dependencies of {}", folder.display()))?;
    let lines = listed.lines().filter(|line| !line.is_empty());
    let rows = lines.filter_map(|line| {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
        let mut words = package.split(' ');
        let package = format!("{} {}", words.next()?, words.next()?);
        Some((package, licence.to_owned()))
    });
    Ok(rows.collect())
}

fn packages(lock: &Table) -> impl Iterator<Item = &Value> {
    lock.get("package")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn table(path: &Path) -> Result<Table> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse()
        .with_context(|| format!("{} is not TOML", path.display()))
}

/// The folders with a lock file of their own, and whether the licences are checked too. The packages of `fuzz` are those of the
/// server, and the fuzzer; its lock file may lag behind a change of the server's dependencies, and cargo then lists nothing.
const WORKSPACES: [(&str, bool); 3] = [(".", true), ("bench", true), ("fuzz", false)];
