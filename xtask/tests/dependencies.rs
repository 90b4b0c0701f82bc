//! docs/dependencies.md has a reason for each direct dependency.

use std::collections::BTreeSet;
use std::fs;

use toml::{Table, Value};
use xtask::workspace;

#[test]
fn every_dependency_has_a_reason() {
    let read = |path: &str| fs::read_to_string(workspace::root().join(path)).unwrap();
    let manifest = |folder: &str| {
        read(&format!("{folder}/Cargo.toml"))
            .parse::<Table>()
            .unwrap()
    };
    let top = manifest(".");
    let members = top["workspace"]["members"].as_array().unwrap();
    let members = members.iter().map(|member| member.as_str().unwrap());
    let named: BTreeSet<String> = members
        .chain(["fuzz"])
        .flat_map(|folder| dependencies(&manifest(folder)))
        .collect();
    let document = read("docs/dependencies.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    let explained: BTreeSet<String> = rows
        .filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect();
    let without: Vec<_> = named.difference(&explained).collect();
    assert!(without.is_empty(), "no reason for {without:?}");
    let unused: Vec<_> = explained.difference(&named).collect();
    assert!(unused.is_empty(), "reasons for nothing: {unused:?}");
}

/// The crates that a manifest names, for any target, without those of this repository.
fn dependencies(manifest: &Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let tables = targets.filter_map(Value::as_table).chain([manifest]);
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables
        .flat_map(|table| kinds.map(|kind| table.get(kind)))
        .flatten()
        .filter_map(Value::as_table)
        .flatten()
        .filter(|(name, value)| value.get("path").is_none() && !name.starts_with("belljar"))
        .map(|(name, _)| name.clone())
        .collect()
}
